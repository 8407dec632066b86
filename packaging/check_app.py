"""Whether a .app is put together as macOS wants it, on any system: python packaging/check_app.py Hone.app

Each thing wrong is one line; it ends with 1 when there is any.
"""

import os
import plistlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import check_macho
import icnsutil
import info_plist
import licenses

TYPES: dict[str, type] = {
    "CFBundleIdentifier": str,
    "CFBundleName": str,
    "CFBundleExecutable": str,
    "CFBundleIconFile": str,
    "CFBundlePackageType": str,
    "CFBundleShortVersionString": str,
    "CFBundleVersion": str,
    "LSMinimumSystemVersion": str,
    "LSApplicationCategoryType": str,
    "NSHumanReadableCopyright": str,
    "LSArchitecturePriority": list,
    "CFBundleDocumentTypes": list,
    "UTImportedTypeDeclarations": list,
    "NSHighResolutionCapable": bool,
}
# What the Finder, an unpacker or a volume without these characters would change, and with it the signature.
PRONE = (":", "\\", "\n", "\r")


def faults(app: Path) -> Iterator[str]:
    """Everything that is wrong with a bundle, a sentence each."""
    contents = app / "Contents"
    try:
        info = plistlib.loads((contents / "Info.plist").read_bytes())
    except (OSError, plistlib.InvalidFileException, ExpatError, ValueError) as error:
        yield f"Info.plist cannot be read: {error}"
        return
    yield from _faults_of_info(info)
    yield from _faults_of_program(contents, str(info.get("CFBundleExecutable")))
    yield from _faults_of_icon(contents / "Resources" / str(info.get("CFBundleIconFile")))
    yield from _faults_of_files(app)
    try:
        parts = licenses.read(contents / "Resources" / "licenses")
    except (OSError, ValueError) as error:
        yield f"the licences cannot be read: {error}"
        return
    yield from (f"Resources/licenses lacks the text for {part}" for part in licenses.without_text(parts))
    if "Hone" not in {part.part for part in parts}:
        yield "Resources/licenses lacks Hone's own licence"


def _faults_of_info(info: dict[str, Any]) -> Iterator[str]:
    for key, kind in TYPES.items():
        if not isinstance(info.get(key), kind):
            yield f"Info.plist: {key} should be a {kind.__name__}, and is {info.get(key)!r}"
    if info.get("CFBundlePackageType") != "APPL":
        yield "Info.plist: CFBundlePackageType should be APPL"
    if info.get("LSMinimumSystemVersion") != info_plist.MINIMUM_SYSTEM:
        yield f"Info.plist: LSMinimumSystemVersion should be {info_plist.MINIMUM_SYSTEM}"
    if "arm64" not in (info.get("LSArchitecturePriority") or []):
        yield "Info.plist: without arm64 in LSArchitecturePriority macOS offers Rosetta for a script"
    for part in str(info.get("CFBundleShortVersionString")).split("."):
        if not part.isdigit():
            yield f"Info.plist: the version {info.get('CFBundleShortVersionString')} is not numbers and dots"
            break
    for kind in info.get("CFBundleDocumentTypes") or []:
        if kind.get("LSHandlerRank") not in ("Owner", "Default", "Alternate", "None"):
            yield f"Info.plist: {kind.get('CFBundleTypeName')} has no LSHandlerRank"


def _faults_of_program(contents: Path, name: str) -> Iterator[str]:
    program = contents / "MacOS" / name
    if not program.is_file():
        yield f"MacOS/{name} is missing"
        return
    if not os.access(program, os.X_OK):
        yield f"MacOS/{name} is not executable"
    head = program.read_bytes()[:64]
    if head.startswith(b"#!"):
        if head.split(b"\n")[0] != b"#!/bin/sh":
            yield f"MacOS/{name} begins with {head.splitlines()[0]!r}; every Mac has #!/bin/sh"
    elif head[:4] not in check_macho.MAGIC:
        yield f"MacOS/{name} is neither a script nor a Mach-O"


def _faults_of_icon(path: Path) -> Iterator[str]:
    path = path if path.suffix else path.with_suffix(".icns")
    try:
        pictures = icnsutil.IcnsFile(str(path)).media
    except (OSError, icnsutil.RawData.ParserError) as error:
        yield f"the icon cannot be read: {error}"
        return
    if "ic10" not in pictures:
        yield f"the icon has no picture of 1024 pixels, only {', '.join(pictures)}"


def _faults_of_files(app: Path) -> Iterator[str]:
    inside = app.resolve()
    for path in sorted(app.rglob("*")):
        name = path.relative_to(app).as_posix()
        if path.is_symlink():
            if os.path.isabs(os.readlink(path)):
                yield f"{name} is an absolute link"
            elif not path.resolve().is_relative_to(inside):
                yield f"{name} is a link out of the app"
            elif not path.exists():
                yield f"{name} is a link to nothing"
        dotted = path.is_dir() and not path.is_symlink() and "/Frameworks/" in name and "." in path.name
        if dotted and path.suffix not in (".framework", ".app", ".bundle"):
            yield f"{name}: codesign takes a folder with a dot in Frameworks for a bundle"
        if any(character in path.name for character in PRONE) or path.name in (".DS_Store", "__pycache__"):
            yield f"{name} has no place in an app"
        if path.is_file() and not path.is_symlink() and os.stat(path).st_mode & 0o002:
            yield f"{name} can be changed by everybody"


def tell(app: Path) -> int:
    """Print what is wrong with a bundle, its Mach-O files included; 1 if anything is."""
    report = check_macho.check(app, check_macho.parse_version(info_plist.MINIMUM_SYSTEM))
    wrong = [*faults(app), *report.wrong]
    print("\n".join(f"WRONG: {line}" for line in wrong) or f"{app.name}: nothing wrong; {report.files} Mach-O files")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(tell(Path(sys.argv[1])))
