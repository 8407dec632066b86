"""What would not load on an older Mac: python packaging/check_macho.py FOLDER [14.0]

Reads every Mach-O file below a folder, on any system, and prints one line for each thing wrong: no code for arm64, a
newer minimum system than the stated one, a library that is nowhere in the folder, no signature, or a symbol that the
stated system does not have yet.
"""

import argparse
import posixpath
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import lief

lief.logging.disable()

MAGIC = {bytes.fromhex(m) for m in ("cffaedfe", "cefaedfe", "feedfacf", "feedface", "cafebabe", "cafebabf")}
SYSTEM = ("/usr/lib/", "/System/Library/")

# Symbols of the system's libraries by the macOS that first has them: a strong import of one ends the program, or the
# import of the module, on every system before.
NEWER_SYMBOLS = {
    # std::bad_function_call: its destructor, vtable and typeinfo moved into the dylib with LLVM 19, i.e. macOS 15.4.
    # Source: libc++'s availability.h and conda-forge/opencv-feedstock#493, which shows the failure on macOS 15.
    "__ZNSt3__117bad_function_callD1Ev": (15, 4),
    "__ZNSt3__117bad_function_callD2Ev": (15, 4),
    "__ZTVNSt3__117bad_function_callE": (15, 4),
    "__ZTINSt3__117bad_function_callE": (15, 4),
    # std::__hash_memory came with LLVM 21, for which libc++'s availability.h names no macOS yet. It is missing on 26.1
    # (llvm-project#170970) and, others report, on 26.2; the SDK of 26.5 has it, so it is held to that one.
    "__ZNSt3__113__hash_memoryEPKvm": (26, 5),
    # std::to_chars of floating-point numbers. Source: libc++'s availability.h (LLVM 14, in macOS 13.3); onnxruntime's
    # wheels for 13.4 fail on 13.0 with the first of them.
    "__ZNSt3__18to_charsEPcS0_d": (13, 3),
    "__ZNSt3__18to_charsEPcS0_f": (13, 3),
    # Waiting on an address. Source: the API_AVAILABLE(macos(14.4)) lines of <os/os_sync_wait_on_address.h>.
    "_os_sync_wait_on_address": (14, 4),
    "_os_sync_wait_on_address_with_deadline": (14, 4),
    "_os_sync_wait_on_address_with_timeout": (14, 4),
    "_os_sync_wake_by_address_all": (14, 4),
    "_os_sync_wake_by_address_any": (14, 4),
}


@dataclass
class Report:
    """What was read and what is wrong, as sentences with the file's name first."""

    files: int = 0
    universal: int = 0
    minimums: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_macho(path: Path) -> bool:
    """Whether a file begins as a Mach-O does, and is not a Java class, which begins as a universal one does."""
    with path.open("rb") as stream:
        head = stream.read(8)
    return head[:4] in MAGIC and not (head[:4] == bytes.fromhex("cafebabe") and head[6:8] > b"\x00\x20")


def check(folder: Path, minimum: tuple[int, int]) -> Report:
    """Read every Mach-O below `folder` as macOS `minimum` would load it."""
    report = Report()
    files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    for name, path in files.items():
        if path.is_symlink() or path.suffix == ".a" or path.stat().st_size < 32 or not is_macho(path):
            continue
        report.files += 1
        fat = lief.MachO.parse(str(path))  # its parts live only as long as it does
        slices = [fat.at(i) for i in range(fat.size)] if fat is not None else []
        report.universal += len(slices) > 1
        ours = [s for s in slices if s.header.cpu_type == lief.MachO.Header.CPU_TYPE.ARM64]
        if not ours:
            report.wrong.append(f"{name}: has no code for arm64")
            continue
        for number, sentence in _faults(name, ours[0], set(files), minimum, report):
            (report.wrong if number else report.notes).append(f"{name}: {sentence}")
    return report


def _faults(
    name: str, binary: lief.MachO.Binary, files: set[str], minimum: tuple[int, int], report: Report
) -> Iterator[tuple[bool, str]]:
    """(whether it keeps the file from working, the sentence) for each thing that is odd about one file."""
    if binary.header.file_type == lief.MachO.Header.FILE_TYPE.OBJECT:
        yield False, "is an object file, which nothing loads"
        return
    if not binary.has_code_signature:
        yield True, "is not signed; a Mac with Apple silicon kills it"
    built_for = _minimum(binary)
    report.minimums[_dotted(built_for)] = report.minimums.get(_dotted(built_for), 0) + 1
    if built_for > minimum:
        # Libraries of a newer system load where the symbols they import are there; a program is held to its word.
        refuses = binary.header.file_type == lief.MachO.Header.FILE_TYPE.EXECUTE
        yield refuses, f"says it needs macOS {_dotted(built_for)}"
    for symbol in binary.imported_symbols:
        needs = NEWER_SYMBOLS.get(str(symbol.name), (0, 0))
        if needs > minimum:
            weak = _is_weak(symbol)
            yield not weak, f"imports {symbol.name}, which comes with macOS {_dotted(needs)}" + (" (weakly)" * weak)
    for library in binary.libraries:
        if library.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB:  # its own name
            continue
        if not library.name.startswith(SYSTEM) and not _is_there(library.name, name, binary, files):
            weak = library.command == lief.MachO.LoadCommand.TYPE.LOAD_WEAK_DYLIB
            yield not weak and not _is_optional(name), f"needs {library.name}, which is nowhere in the folder"


# Parts of Qt that nothing of ours loads and that lack parts of Qt or databases which PySide6-Essentials does not have;
# Qt passes over a plugin that cannot be loaded.
OPTIONAL = ("Qt/qml/", *(f"Qt/plugins/{kind}/" for kind in ("designer", "qmltooling", "sqldrivers")))
OPTIONAL += ("Qt/plugins/imageformats/libqpdf.", "Qt/plugins/platforminputcontexts/libqtvirtualkeyboardplugin.")


def _is_optional(name: str) -> bool:
    return any(part in name for part in OPTIONAL)


def _is_weak(symbol: lief.MachO.Symbol) -> bool:
    info = symbol.binding_info
    return bool(symbol.description & 0x40) or bool(info is not None and info.weak_import)


def _minimum(binary: lief.MachO.Binary) -> tuple[int, int]:
    command = binary.build_version if binary.has_build_version else binary.version_min
    if command is None:
        return 0, 0
    version = command.minos if binary.has_build_version else command.version
    return version[0], version[1]


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _is_there(library: str, name: str, binary: lief.MachO.Binary, files: set[str]) -> bool:
    """Whether dyld would find `library` for the file `name` (both relative to the folder)."""
    here = posixpath.dirname(name)
    if library.startswith("@rpath/"):
        rest = library.removeprefix("@rpath/")
        candidates = [posixpath.join(path.path, rest) for path in binary.rpaths]
    else:
        candidates = [library]
    for candidate in candidates:
        if candidate.startswith(SYSTEM):
            return True
        for start in ("@loader_path/", "@executable_path/"):
            if (
                candidate.startswith(start)
                and posixpath.normpath(posixpath.join(here, candidate[len(start) :])) in files
            ):
                return True
    return False


def parse_version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("minimum", nargs="?", default="14.0", help="the oldest macOS it has to run on (14.0)")
    options = parser.parse_args()
    report = check(options.folder, parse_version(options.minimum))
    print("\n".join(f"note: {line}" for line in report.notes))
    print("\n".join(f"WRONG: {line}" for line in report.wrong))
    print(f"{report.files} Mach-O files, {report.universal} universal; built for {report.minimums}")
    print(f"{len(report.wrong)} things that do not work on macOS {options.minimum}")
    return 1 if report.wrong or not report.files else 0


if __name__ == "__main__":
    sys.exit(main())
