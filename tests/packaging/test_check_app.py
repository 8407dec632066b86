"""What the checks of a .app notice, each on a bundle that is right but for one thing."""

import os
import plistlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("lief", reason="the dependency group 'package' is not installed")
pytest.importorskip("icnsutil", reason="the dependency group 'package' is not installed")

import check_app
import icon
import info_plist
import licenses


@pytest.fixture(scope="module")
def icns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("icon") / "Hone.icns"
    icon.write_icns(path)
    return path


@pytest.fixture
def app(tmp_path: Path, icns: Path) -> Path:
    contents = tmp_path / "Hone.app/Contents"
    for name in ("MacOS", "Frameworks", "Resources/licenses"):
        (contents / name).mkdir(parents=True)
    (contents / "Info.plist").write_bytes(plistlib.dumps(info_plist.info()))
    (contents / "MacOS/Hone").write_text("#!/bin/sh\n", "ascii")
    (contents / "MacOS/Hone").chmod(0o755)
    shutil.copy(icns, contents / "Resources/Hone.icns")
    licenses.write(licenses.hone_and_python(), contents / "Resources/licenses")
    return contents.parent


def set_info(**values: object) -> Callable[[Path], None]:
    def change(contents: Path) -> None:
        (contents / "Info.plist").write_bytes(plistlib.dumps(info_plist.info() | values))

    return change


def test_a_good_one(app: Path) -> None:
    assert list(check_app.faults(app)) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: (c / "Info.plist").write_text("<plist>"), "Info.plist cannot be read"),
        (set_info(NSHighResolutionCapable="yes"), "NSHighResolutionCapable should be a bool, and is 'yes'"),
        (set_info(LSMinimumSystemVersion="13.0"), "LSMinimumSystemVersion should be 14.0"),
        (set_info(LSArchitecturePriority=["x86_64"]), "without arm64"),
        (set_info(CFBundleShortVersionString="1.0rc1"), "the version 1.0rc1 is not numbers and dots"),
        (set_info(CFBundleExecutable="Bone"), "MacOS/Bone is missing"),
        (lambda c: (c / "MacOS/Hone").chmod(0o644), "MacOS/Hone is not executable"),
        (lambda c: (c / "MacOS/Hone").write_text("#!/usr/bin/env bash\n"), "every Mac has #!/bin/sh"),
        (lambda c: (c / "MacOS/Hone").write_text("echo\n"), "neither a script nor a Mach-O"),
        (lambda c: (c / "Resources/Hone.icns").write_bytes(b"icns"), "the icon"),
        (lambda c: (c / "Resources/Hone.icns").unlink(), "the icon cannot be read"),
        (lambda c: os.symlink("/usr/bin/env", c / "MacOS/env"), "is an absolute link"),
        (lambda c: os.symlink("../../../x", c / "MacOS/x"), "is a link out of the app"),
        (lambda c: os.symlink("y", c / "MacOS/x"), "is a link to nothing"),
        (lambda c: (c / "Frameworks/python3.13").mkdir(), "takes a folder with a dot"),
        (lambda c: (c / "Resources/a:b").touch(), "has no place in an app"),
        (lambda c: (c / "Resources/index").touch() or (c / "Resources/index").chmod(0o666), "changed by everybody"),
        (lambda c: (c / "Resources/licenses/index.txt").unlink(), "the licences cannot be read"),
        (lambda c: (c / "Resources/licenses/index.txt").write_text("Hone\n"), "the licences cannot be read"),
        (lambda c: (c / "Resources/licenses/index.txt").write_text(""), "lacks Hone's own licence"),
        (lambda c: next(c.glob("Resources/licenses/Python-*/*")).unlink(), "lacks the text for Python 3."),
    ],
)
def test_one_thing_wrong(app: Path, change: Callable[[Path], object], sentence: str) -> None:
    change(app / "Contents")
    found = list(check_app.faults(app))
    assert len(found) == 1 and sentence in found[0]
