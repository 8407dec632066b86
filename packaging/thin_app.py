"""Makes the thin Hone.app, on any system: python packaging/thin_app.py OUT

OUT/Hone.app holds a launcher, uv for the Mac (out of uv's own wheel, in the version of the lock) and the locked
project. What the project stands on is installed by uv at the first start. OUT/Hone-VERSION-thin.zip is the same to
download: it is 60 % smaller, and keeps the executable bits.
"""

import argparse
import hashlib
import plistlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import check_app
import check_wheels
import icon
import info_plist
import licenses

import core

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("pyproject.toml", "uv.lock", "LICENSE", "README.md", "core", "app", "resources")
LEFT_OUT = ("make/", "screenshots/")  # of resources: what makes them, and pictures for the README


def assemble(app: Path) -> None:
    """Write the whole bundle `app`, which must not exist."""
    contents = app / "Contents"
    resources = contents / "Resources"
    for folder in (contents / "MacOS", contents / "Helpers", resources):
        folder.mkdir(parents=True)
    with (contents / "Info.plist").open("wb") as stream:
        plistlib.dump(info_plist.info(), stream)
    (contents / "PkgInfo").write_text("APPL????", "ascii")
    thin = ROOT / "packaging" / "thin"
    shutil.copy(thin / "launcher.sh", contents / "MacOS" / "Hone")
    (contents / "MacOS" / "Hone").chmod(0o755)
    for name in ("install.sh", "progress.js", "start.py"):
        shutil.copy(thin / name, resources / name)
    copy_project(resources / "project")
    (resources / "release").write_text(release(resources) + "\n", "ascii")
    icon.write_icns(resources / "Hone.icns")
    with tempfile.TemporaryDirectory() as temporary:
        wheel = Path(temporary) / "uv"
        check_wheels.fetch(wheel, ["--no-deps", f"uv=={check_wheels.locked_version('uv')}"])
        shutil.copy(wheel / "bin" / "uv", contents / "Helpers" / "uv")
        (contents / "Helpers" / "uv").chmod(0o755)
        missing = licenses.collect(wheel, resources / "licenses")
        if missing:
            raise SystemExit(f"No licence text of {', '.join(missing)}; put one into resources/licenses.")


def copy_project(target: Path) -> None:
    """The project's files that git knows, but for tests, packaging and what only makes resources."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z", *PARTS]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith(tuple(f"resources/{part}" for part in LEFT_OUT)) and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def release(resources: Path) -> str:
    """The version and a hash over everything an environment is made from: another one is another environment."""
    whole = hashlib.sha256()
    files = [p for p in (resources / "project").rglob("*") if p.is_file()] + [resources / "install.sh"]
    for path in sorted(files):
        whole.update(f"{path.relative_to(resources)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"{core.__version__}-{whole.hexdigest()[:12]}"


def pack(app: Path, target: Path) -> None:
    """Zip a bundle as the Finder unpacks it, with the executable bits."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(p for p in app.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(app.parent))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    app = out / "Hone.app"
    if app.exists():
        shutil.rmtree(app)
    assemble(app)
    archive = out / f"Hone-{core.__version__}-thin.zip"
    pack(app, archive)
    print(check_wheels.table(app / "Contents", 4))
    print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    return check_app.tell(app)


if __name__ == "__main__":
    sys.exit(main())
