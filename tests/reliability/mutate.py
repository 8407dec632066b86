"""Damage to files: what disks, editors, other programs and people with bad intentions do to bytes."""

import gzip
import random
import zlib
from collections.abc import Callable

TOKENS = (  # of the formats that are read
    *(b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\n", b"\r\n", b"\t", b"=", b"#", b"\0", b"\xff\xfe"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-0", b"1e999", b"\\ud800", b"\\u0000", b"{}", b"[]", b'""', b"-1"),
    *(b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"PK\x03\x04", b"PAR1", b"ARROW1\0\0", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae"),
    *(b"messages", b"role", b"content", b"text", b"prompt", b"step", b"event", b"F32", b"I64", b"data_offsets"),
    *(b"{% for x in y %}", b"{{ 1/0 }}", b"{{ messages", b"%}", b"../../etc", b"/dev/zero", b"a" * 300),
)
VALUES = (  # in the place of another value
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b'""', b"[]", b"{}", b"[[1]]", b'{"a": [null]}', b'"\\ud800"'),
    *(b"9" * 400, b"9" * 5000, b"-" + b"9" * 30, b"0." + b"1" * 40, b'"' + b"x" * 5000 + b'"', b"1e-400", b"2.5"),
)
DEEP = (b"[", b"{", b'{"a":', b"(", b"{{", b'[{"text":')


def mutate(rng: random.Random, data: bytes) -> bytes:
    """The bytes with one to four damages, at times inside a gzip of them."""
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.6:
        return gzip.compress(mutate(rng, gzip.decompress(data)), 1, mtime=0)
    if data[8:9] == b"{" and rng.random() < 0.8:  # safetensors: the header with a length that fits again
        size = int.from_bytes(data[:8], "little")
        header = mutate(rng, data[8 : 8 + size])
        return len(header).to_bytes(8, "little") + header + data[8 + size :]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(DAMAGES)(rng, data)
    return data


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] if rng.random() < 0.7 else data[place:]


def _remove(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + data[place + rng.randrange(40) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.choice((1, 10, 200)))
    return data[:end] + data[start:end] * rng.choice((1, 2, 50)) + data[end:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    piece = rng.choice(TOKENS) if rng.random() < 0.8 else rng.randbytes(rng.randrange(1, 9))
    return data[:place] + piece + data[place:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    places = sorted(rng.randrange(len(data) + 1) for _ in range(4))
    a, b, c, d = places
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _nest(rng: random.Random, data: bytes) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(DEEP) * rng.choice((5, 150, 900, 3000)) + data[place:]


def _value(rng: random.Random, data: bytes) -> bytes:
    """Another value behind a colon or an equals sign."""
    places = [n + 1 for n, byte in enumerate(data) if byte in b":="]
    if not places:
        return _insert(rng, data)
    start = rng.choice(places)
    end = min((n for n in range(start, min(len(data), start + 400)) if data[n] in b",}]\n"), default=len(data))
    return data[:start] + b" " + rng.choice(VALUES) + data[end:]


def _number(rng: random.Random, data: bytes) -> bytes:
    """Four or eight bytes as another number, for formats that are not text."""
    place = rng.randrange(len(data) + 1)
    size = rng.choice((1, 2, 4, 8))
    number = rng.choice((0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1), rng.getrandbits(8 * size)))
    return data[:place] + number.to_bytes(size, "little") + data[place + size :]


def _encode(rng: random.Random, data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    kind = rng.choice(("utf-16", "utf-16-be", "utf-32", "cp1252", "gzip", "zlib"))
    if kind == "gzip":
        return gzip.compress(data, 1, mtime=0)
    return zlib.compress(data, 1) if kind == "zlib" else text.encode(kind, "replace")


DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_flip, _cut, _remove, _repeat, _insert, _insert, _swap, _nest, _value, _value, _number, _encode),
)
