"""The frozen app's recipe and what goes with it on Linux, as far as that can be checked without building it."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FROZEN = ROOT / "packaging" / "frozen"
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="for Linux desktops")


def test_its_files_are_python() -> None:
    files = [*FROZEN.glob("*.py"), FROZEN / "hone.spec"]
    assert len(files) == 7
    for file in files:
        compile(file.read_text(encoding="utf-8"), str(file), "exec")


def install(app: Path, home: Path, *arguments: str) -> str:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run([app / "install.sh", *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@LINUX_ONLY
@pytest.mark.parametrize("name", ["Hone", "My apps/Höne $1 100%"])
def test_it_enters_the_menu_and_leaves_it(name: str, tmp_path: Path) -> None:
    app, home = tmp_path / name, tmp_path / "home"
    shutil.copytree(FROZEN / "linux", app)
    (app / "hone.svg").write_text("<svg/>")
    assert "Hone is in the menu now" in install(app, home)
    entry = home / ".local/share/applications/hone.desktop"
    (command,) = [line for line in entry.read_text().splitlines() if line.startswith("Exec=")]
    # A .desktop file is unescaped as a value first, then as a command line.
    quoted = command.removeprefix("Exec=").removesuffix(" %F").replace("\\\\", "\\")
    program = quoted.strip('"').replace("%%", "%")
    for escaped in '\\"`$':
        program = program.replace(f"\\{escaped}", escaped)
    assert program == str(app / "Hone")
    assert (home / ".local/bin/hone").readlink() == app / "hone-command"
    checker = shutil.which("desktop-file-validate")
    if checker:
        subprocess.run([checker, entry], check=True)
    installed = [file for file in home.rglob("*") if file.is_file() or file.is_symlink()]
    assert len(installed) >= 4
    install(app, home, "--remove")
    left = [file for file in installed if file.exists() or file.is_symlink()]
    assert [file for file in left if "hone" in file.name] == []


def test_its_file_types_are_well_formed() -> None:
    tree = xml.parse(FROZEN / "linux" / "hone.xml").getroot()
    types = {element.attrib["type"] for element in tree}
    entry = (FROZEN / "linux" / "hone.desktop").read_text()
    (line,) = [line for line in entry.splitlines() if line.startswith("MimeType=")]
    offered = set(line.removeprefix("MimeType=").strip(";").split(";"))
    assert types <= offered


@LINUX_ONLY
def test_openblas_is_found_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FROZEN))
    import openblas  # type: ignore[import-not-found]

    listed = "\tlibopenblas.so.0 (libc6,x86-64) => /usr/lib/libopenblas.so.0\n"
    linked = (
        "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/libm.so.6 (0x2)\n"
        "\tlibgfortran.so.5 => /usr/lib/libgfortran.so.5 (0x3)\n\tlibc.so.6 => /lib/libc.so.6 (0x4)\n"
    )

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, listed if command[0].endswith("ldconfig") else linked)

    monkeypatch.setattr(openblas.subprocess, "run", run)
    assert openblas.find_openblas() == ["/usr/lib/libopenblas.so.0", "/usr/lib/libgfortran.so.5"]
    listed = ""
    with pytest.raises(FileNotFoundError, match="apt-get install libopenblas0-pthread"):
        openblas.find_openblas()


WHERE_FROM = """
import builtins, sys
sources = []
compiled = builtins.compile
builtins.compile = lambda text, name, *rest, **more: sources.append(str(name)) or compiled(text, name, *rest, **more)
import PySide6.QtCore
print(sys.modules["shibokensupport.signature.parser"].__file__)
print([name for name in sources if "shibokensupport" in name])
try:
    PySide6.QtCore.QSize("wide")
except TypeError as error:  # its sentence is made by them
    print("called with wrong argument types" in str(error))
"""


def test_pyside_takes_its_own_modules_compiled(tmp_path: Path) -> None:
    """The folder that the app carries is found by the PySide of the lock, and nothing in it is compiled at a start."""
    import shiboken6

    package = tmp_path / "shiboken6"
    shutil.copytree(Path(shiboken6.__file__).parent, package)
    support = package / "files.dir"
    subprocess.run([sys.executable, FROZEN / "pyside_support.py", support], check=True)
    for source in support.rglob("*.py"):
        os.utime(source, (0, 0))  # as in a copy
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", WHERE_FROM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    parser = support / "shibokensupport/signature/parser.py"
    assert done.stdout.splitlines() == [str(parser), "[]", "True"]
