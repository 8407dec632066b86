"""What check_macho notices, on Mach-O files that are made here from bytes."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lief", reason="the dependency group 'package' is not installed")

import check_macho

from tests.packaging.macho import ARM64, EXECUTE, OBJECT, X86_64, macho, universal

OLD, SYSTEM = (14, 0), "/usr/lib/libSystem.B.dylib"
BAD_CALL, WAIT = "__ZTVNSt3__117bad_function_callE", "_os_sync_wait_on_address"


def check(folder: Path, minimum: tuple[int, int] = OLD, **files: bytes) -> check_macho.Report:
    for name, contents in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)
    return check_macho.check(folder, minimum)


def test_a_good_file(tmp_path: Path) -> None:
    report = check(
        tmp_path, a=macho(), b=macho(libraries=("@loader_path/a",)), notes=b"text", java=b"\xca\xfe\xba\xbe\0\0\0\x34"
    )
    assert (report.files, report.universal, report.minimums) == (2, 0, {"14.0": 2})
    assert report.wrong == report.notes == []


def test_a_universal_file_is_read_for_its_own_part(tmp_path: Path) -> None:
    both = universal((X86_64, macho(cpu=X86_64, minimum="26.0", signed=False)), (ARM64, macho()))
    report = check(tmp_path, a=both, b=universal((X86_64, macho(cpu=X86_64))), c=macho(cpu=X86_64))
    assert (report.files, report.universal) == (3, 1)
    assert report.wrong == ["b: has no code for arm64", "c: has no code for arm64"]


def test_a_symbol_that_comes_later(tmp_path: Path) -> None:
    newer = macho(imports=(BAD_CALL, "_malloc"), weak_imports=(WAIT,))
    report = check(tmp_path, a=newer)
    assert report.wrong == [f"a: imports {BAD_CALL}, which comes with macOS 15.4"]
    assert report.notes == [f"a: imports {WAIT}, which comes with macOS 14.4 (weakly)"]
    report = check_macho.check(tmp_path, (15, 4))
    assert report.wrong == report.notes == []


@pytest.mark.parametrize("symbol", check_macho.NEWER_SYMBOLS)
def test_each_symbol_of_the_table_is_looked_for(tmp_path: Path, symbol: str) -> None:
    needs = check_macho.NEWER_SYMBOLS[symbol]
    report = check(tmp_path, (needs[0] - 1, 9), a=macho(imports=(symbol,), minimum="11.0"))
    assert report.wrong == [f"a: imports {symbol}, which comes with macOS {needs[0]}.{needs[1]}"]
    assert check_macho.check(tmp_path, needs).wrong == []


def test_a_newer_minimum_ends_a_program_and_is_noted_of_a_library(tmp_path: Path) -> None:
    report = check(tmp_path, library=macho(minimum="15.0"), program=macho(minimum="15.0", kind=EXECUTE))
    assert report.notes == ["library: says it needs macOS 15.0"]
    assert report.wrong == ["program: says it needs macOS 15.0"]


def test_libraries_that_are_nowhere(tmp_path: Path) -> None:
    report = check(
        tmp_path,
        lib__a=macho(),
        bin__found=macho(("@rpath/a", SYSTEM), rpaths=("@loader_path/../nowhere", "@loader_path/../lib")),
        bin__lost=macho(("@rpath/a", "/opt/local/lib/libz.dylib"), rpaths=("@loader_path",)),
        bin__weak=macho(weak_libraries=("@rpath/a",)),
        Qt__qml__plugin=macho(("@rpath/QtMissing",)),
        system=macho(("@rpath/libobjc.A.dylib",), rpaths=("/usr/lib",)),
    )
    assert report.wrong == [
        "bin/lost: needs @rpath/a, which is nowhere in the folder",
        "bin/lost: needs /opt/local/lib/libz.dylib, which is nowhere in the folder",
    ]
    assert report.notes == [
        "Qt/qml/plugin: needs @rpath/QtMissing, which is nowhere in the folder",
        "bin/weak: needs @rpath/a, which is nowhere in the folder",
    ]


def test_what_is_not_signed_or_not_loaded(tmp_path: Path) -> None:
    report = check(tmp_path, a=macho(signed=False), b=macho(kind=OBJECT, signed=False))
    assert report.wrong == ["a: is not signed; a Mac with Apple silicon kills it"]
    assert report.notes == ["b: is an object file, which nothing loads"]


def test_a_file_that_is_cut_is_wrong(tmp_path: Path) -> None:
    report = check(tmp_path, a=macho()[:40], b=macho(imports=(BAD_CALL,))[:-60])
    assert report.files == 2 and len(report.wrong) >= 1


def test_the_command_tells_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(macho(imports=(BAD_CALL,)))
    for minimum, code, last in (("14.0", 1, "1 things that do not"), ("26.0", 0, "0 things that do not")):
        done = subprocess.run([sys.executable, check_macho.__file__, tmp_path, minimum], capture_output=True, text=True)
        assert done.returncode == code and done.stdout.splitlines()[-1].startswith(last)
