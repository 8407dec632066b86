"""Text encodings of data files: byte order marks, and bytes that are not valid UTF-8."""

BYTE_ORDER_MARKS = (  # (mark, Python's name of the encoding); UTF-16-LE's begins UTF-32-LE's, so it comes later
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def detect_encoding(head: bytes) -> tuple[bytes, str]:
    """(byte order mark, encoding) of a file that begins with `head`: UTF-8 and b"" where it has no mark."""
    return next(((mark, name) for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), (b"", "utf-8"))


def decode(raw: bytes) -> tuple[str, bool]:
    """(text, whether the encoding was guessed). Windows-1252 is what files that are not UTF-8 nearly always are."""
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), True


def split_at_character(raw: bytes) -> tuple[bytes, bytes]:
    """`raw` in two parts, of which the first does not end inside a UTF-8 character and the second has at most three
    bytes."""
    for size in range(1, min(4, len(raw)) + 1):
        byte = raw[-size]
        if byte >= 0xC0:  # the first byte of a character of several
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return (raw[:-size], raw[-size:]) if length > size else (raw, b"")
        if byte < 0x80:
            break
    return raw, b""
