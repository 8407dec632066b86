"""Build the whole app: python packaging/frozen/build.py OUT. On Linux a .tar.gz, on a Mac Hone.app and a .dmg.

It freezes with PyInstaller for the system it runs on (an app for a Mac can only be built on one), lets the result test
itself, and prints the size of each part. Run it through ./run.sh --package frozen OUT, which brings the environment.
"""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT)]

MAC = sys.platform == "darwin"


def main(output: Path) -> int:
    output = output.expanduser().absolute()
    work = output / "build"
    licenses = work / "licenses"
    work.mkdir(parents=True, exist_ok=True)
    from licenses import collect, collect_system_libraries

    missing = collect(Path(sysconfig.get_path("purelib")), licenses, ["hone[cpu,ane]", "pyinstaller"])
    if missing:
        print(f"No licence text of {', '.join(missing)}; put one into resources/licenses.", file=sys.stderr)
        return 1
    freeze(output, work, licenses)
    app = output / ("Hone.app" if MAC else "Hone")
    programs = app / "Contents/MacOS" if MAC else app
    if not MAC:
        unknown = collect_system_libraries(system_libraries(work), app / "_internal/licenses")
        if unknown:
            print(f"No licence text of {', '.join(unknown)}, which no installed package holds.", file=sys.stderr)
            return 1
    print(describe_sizes(app))
    tested = subprocess.run([programs / "hone-command", "selftest"], env=bare_environment(work), check=False)
    if tested.returncode:
        print("The frozen app does not pass its own test.", file=sys.stderr)
        return 1
    package = make_dmg(app, output) if MAC else make_archive(app, output)
    print(f"{package} ({package.stat().st_size / 1e6:.0f} MB)")
    return 0


def freeze(output: Path, work: Path, licenses: Path) -> None:
    """Run PyInstaller; its result lies in `output`. Raises CalledProcessError."""
    options = ["--noconfirm", "--log-level", "ERROR", "--distpath", str(output), "--workpath", str(work)]
    environment = os.environ | {"HONE_LICENSES": str(licenses), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "PyInstaller", *options, str(HERE / "hone.spec")]
    subprocess.run(command, env=environment, check=True)


def system_libraries(work: Path) -> list[Path]:
    """The libraries that PyInstaller took from the system, as it has written them down."""
    listed = ast.literal_eval((work / "hone" / "COLLECT-00.toc").read_text("utf-8"))
    sources = [Path(source) for _, source, kind in listed[0] if kind == "BINARY"]
    return sorted(path for path in sources if path.is_relative_to("/usr/lib") or path.is_relative_to("/lib"))


def bare_environment(home: Path) -> dict[str, str]:
    """No Python, no PATH to one, no settings of this machine: what the app has to do without."""
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def describe_sizes(app: Path) -> str:
    """The ten largest parts of an app, as a table."""
    inside = next((p for p in (app / "Contents/Frameworks", app / "_internal") if p.is_dir()), app)
    sizes = {part.name: folder_bytes(part) for part in inside.iterdir()}
    total = folder_bytes(app)
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:10]
    lines = [f"{size / 1e6:8.1f} MB  {name}" for name, size in largest]
    return "\n".join([*lines, f"{total / 1e6:8.1f} MB  in all"])


def folder_bytes(path: Path) -> int:
    """Bytes of a file or of all that lies in a folder; links count nothing."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def make_archive(app: Path, output: Path) -> Path:
    """Hone-VERSION-linux-x86_64.tar.gz: the app, with a script that adds it to the desktop's menu and removes it."""
    from core import __version__

    for file in (HERE / "linux").iterdir():
        shutil.copy(file, app / file.name)
    shutil.copy(ROOT / "resources/icons/hone.svg", app / "hone.svg")
    archive = output / f"Hone-{__version__}-linux-{os.uname().machine}.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        tar.add(app, arcname="Hone")
    return archive


def make_dmg(app: Path, output: Path) -> Path:
    """Hone-VERSION.dmg: the app beside a link to Applications. Needs a Mac."""
    import dmgbuild

    from core import __version__

    image = output / f"Hone-{__version__}.dmg"
    dmgbuild.build_dmg(str(image), "Hone", settings_file=str(HERE / "dmg_settings.py"), defines={"app": str(app)})
    return image


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python packaging/frozen/build.py OUT")
    sys.exit(main(Path(sys.argv[1])))
