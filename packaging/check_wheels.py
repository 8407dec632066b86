"""Whether the locked packages run on the stated macOS: python packaging/check_wheels.py [OUT] [--minimum 14.0]

Downloads the wheels that the lock gives a Mac (with uv, on any system), unpacks them into OUT and reads every Mach-O
in them. Ends with 1 where the lock has moved to something that cannot run there.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import check_macho
import licenses
from packaging.requirements import Requirement

from packaging import tags, utils  # the library, as this folder is no package

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.13"
PYTHON_MB = 100  # Python itself, unpacked; a quarter of it to download


def fetch(target: Path, packages: list[str], minimum: str = "14.0", uv: str = "uv") -> None:
    """Unpack wheels for Apple silicon into `target`; `packages` is what goes to uv pip install.

    Raises CalledProcessError when a package has no wheel for that system.
    """
    command = [uv, "pip", "install", "--quiet", "--target", str(target), "--only-binary", ":all:", "--no-config"]
    command += ["--python-platform", "aarch64-apple-darwin", "--python-version", PYTHON, "--link-mode", "copy"]
    subprocess.run([*command, *packages], env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": minimum}, check=True)


def requirements(*choice: str, uv: str = "uv") -> str:
    """The lock as lines for pip, with hashes: what a Mac needs, or what `choice` (options of uv export) names."""
    command = [uv, "export", "--quiet", "--project", str(ROOT), "--locked", "--no-emit-project"]
    command.extend(choice or ("--no-dev", "--extra", "ane"))
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def locked_version(package: str) -> str:
    """The version of a package in the lock."""
    lines = (ROOT / "uv.lock").read_text("utf-8").splitlines()
    return lines[lines.index(f'name = "{package}"') + 1].split('"')[1]


def mac_packages(listed: str) -> set[tuple[str, str]]:
    """(name, version) of the packages in requirements() that a Mac installs."""
    mac = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"}
    mac |= {"python_version": PYTHON, "python_full_version": f"{PYTHON}.0", "extra": ""}
    wanted = [Requirement(line.rstrip("\\ ")) for line in listed.splitlines() if line[:1].isalnum()]
    chosen = [wish for wish in wanted if wish.marker is None or wish.marker.evaluate(mac)]
    return {(wish.name, str(wish.specifier).removeprefix("==")) for wish in chosen}


def download_bytes(packages: set[tuple[str, str]]) -> int:
    """Bytes of the wheels that a Mac with Apple silicon downloads for these packages, as the lock has them.

    Raises ValueError where one has no wheel for it.
    """
    major, minor = map(int, PYTHON.split("."))
    platforms = list(tags.mac_platforms((14, 0), "arm64"))
    rank = {tag: number for number, tag in enumerate(tags.cpython_tags((major, minor), platforms=platforms))}
    rank |= {t: len(rank) + n for n, t in enumerate(tags.compatible_tags((major, minor), "cp313", platforms))}
    together = 0
    for package in tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]:
        if (package["name"], package.get("version")) not in packages:
            continue
        fitting = [
            (min(rank[tag] for tag in fits), wheel["size"])
            for wheel in package.get("wheels", [])
            if (fits := utils.parse_wheel_filename(wheel["url"].rpartition("/")[2])[3] & rank.keys())
        ]
        if not fitting:
            raise ValueError(f"{package['name']} {package['version']} has no wheel for {PYTHON} on macOS 14.")
        together += min(fitting)[1]
    return together


def faults_of_sizes(downloaded: int, unpacked: int) -> Iterator[str]:
    """Where what the installer of the thin app says about sizes is no longer so."""
    installer = (ROOT / "packaging/thin/install.sh").read_text("utf-8")
    (needed,) = re.findall(r"^needed_mb=(\d+)", installer, re.MULTILINE)
    whole = (downloaded + unpacked) / 1e6 + PYTHON_MB  # a wheel is there in both forms for a moment
    if not whole < int(needed) < 1.5 * whole:
        yield f"install.sh asks for {needed} MB of room, and {whole:.0f} MB are taken"
    loaded = downloaded / 1e6 + PYTHON_MB / 4
    for said in re.findall(r"about (\d+) MB", installer):
        if not 0.8 * loaded < int(said) < 1.2 * loaded:
            yield f"install.sh tells of {said} MB to download, and it is {loaded:.0f} MB"


def size(folder: Path) -> int:
    """Bytes in the files below a folder, links not followed."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", type=Path, help="keep the unpacked wheels here")
    parser.add_argument("--minimum", default="14.0", help="the oldest macOS they have to run on (14.0)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary) / "wheels"
        listed = Path(temporary) / "requirements.txt"
        listed.write_text(requirements(), "utf-8")
        fetch(out, ["--require-hashes", "--requirement", str(listed)], options.minimum)
        report = check_macho.check(out, check_macho.parse_version(options.minimum))
        downloaded = download_bytes(mac_packages(listed.read_text("utf-8")))
        report.wrong += faults_of_sizes(downloaded, size(out))
        report.wrong += [f"no licence text of {p}" for p in licenses.collect(out, Path(temporary) / "licenses")]
        print(table(out))
    print("\n".join(f"WRONG: {line}" for line in report.wrong))
    minimums = ", ".join(f"{count} for macOS {version}" for version, count in sorted(report.minimums.items()))
    print(f"{downloaded / 1e6:.1f} MB to download.")
    print(f"{report.files} Mach-O files, {report.universal} of them universal; built {minimums}.")
    print(f"{len(report.notes)} notes (check_macho.py prints them), {len(report.wrong)} faults on {options.minimum}.")
    return 1 if report.wrong or not report.files else 0


def table(folder: Path, rows: int = 12) -> str:
    """The largest parts of an unpacked folder, a line each, and the whole."""
    sizes = {p.name: size(p) if p.is_dir() else p.lstat().st_size for p in folder.iterdir()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:rows]
    lines = [f"{name:24} {count / 1e6:7.1f} MB" for name, count in [*largest, ("together", sum(sizes.values()))]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
