"""Small Mach-O files, made from bytes: as much of one as packaging/check_macho.py reads."""

import struct

ARM64, X86_64 = 0x0100000C, 0x01000007
OBJECT, EXECUTE, DYLIB = 1, 2, 6
_SEGMENT, _SYMTAB, _LOAD, _ID, _RPATH, _SIGNATURE, _BUILD = 0x19, 0x2, 0xC, 0xD, 0x8000001C, 0x1D, 0x32
_WEAK_LOAD = 0x80000018
_HEADER = 32


def macho(
    libraries: tuple[str, ...] = ("/usr/lib/libSystem.B.dylib",),
    *,
    weak_libraries: tuple[str, ...] = (),
    rpaths: tuple[str, ...] = (),
    imports: tuple[str, ...] = (),
    weak_imports: tuple[str, ...] = (),
    minimum: str = "14.0",
    cpu: int = ARM64,
    kind: int = DYLIB,
    signed: bool = True,
) -> bytes:
    """One slice: its load commands, then symbols, their names, and a signature (of zeros)."""
    symbols, names = b"", b"\0"
    for name in (*imports, *weak_imports):
        # Undefined and external; of the first library, and weak where it may be missing.
        symbols += struct.pack("<IBBHQ", len(names), 0x01, 0, 0x0100 | (0x40 if name in weak_imports else 0), 0)
        names += name.encode() + b"\0"
    commands = [_named(_ID, "@rpath/self.dylib", 1, 0, 0)] if kind == DYLIB else []
    commands += [_named(_LOAD, library, 2, 0, 0) for library in libraries]
    commands += [_named(_WEAK_LOAD, library, 2, 0, 0) for library in weak_libraries]
    commands += [_named(_RPATH, path) for path in rpaths]
    major, minor = map(int, minimum.split("."))
    version = major << 16 | minor << 8
    commands.append(struct.pack("<6I", _BUILD, 24, 1, version, version, 0))
    after = _HEADER + sum(map(len, commands)) + 72 * 2 + 24 + 16 * signed
    data = symbols + names
    data += bytes(-len(data) % 16)
    commands.insert(0, _segment(b"__TEXT", 0, after))
    commands.insert(1, _segment(b"__LINKEDIT", after, len(data) + 16 * signed))
    commands.append(struct.pack("<6I", _SYMTAB, 24, after, len(symbols) // 16, after + len(symbols), len(names)))
    if signed:
        commands.append(struct.pack("<4I", _SIGNATURE, 16, after + len(data), 16))
        data += bytes(16)
    header = struct.pack("<8I", 0xFEEDFACF, cpu, 0, kind, len(commands), sum(map(len, commands)), 0x85, 0)
    return header + b"".join(commands) + data


def universal(*slices: tuple[int, bytes]) -> bytes:
    """A file with a slice for each (cpu, bytes)."""
    head, body, start = b"", b"", 0x4000
    for cpu, contents in slices:
        place = start + len(body)
        head += struct.pack(">5I", cpu, 0, place, len(contents), 14)
        body += contents + bytes(-len(contents) % 0x4000)
    head = struct.pack(">2I", 0xCAFEBABE, len(slices)) + head
    return head + bytes(start - len(head)) + body


def _named(command: int, name: str, *values: int) -> bytes:
    """A load command that ends with a name, padded to eight bytes."""
    start = 12 + 4 * len(values)
    text = name.encode() + b"\0"
    text += bytes(-(start + len(text)) % 8)
    return struct.pack(f"<{3 + len(values)}I", command, start + len(text), start, *values) + text


def _segment(name: bytes, start: int, size: int) -> bytes:
    return struct.pack("<2I16s4Q4I", _SEGMENT, 72, name, start, size, start, size, 5, 5, 0, 0)
