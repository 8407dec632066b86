"""Whether the locked packages run on the stated macOS: python packaging/check_wheels.py [OUT] [--minimum 14.0]

Downloads the wheels that the lock gives a Mac (with uv, on any system), unpacks them into OUT and reads every Mach-O
in them. Ends with 1 where the lock has moved to something that cannot run there.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import check_macho
import licenses

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.13"


def fetch(target: Path, packages: list[str], minimum: str = "14.0", uv: str = "uv") -> None:
    """Unpack wheels for Apple silicon into `target`; `packages` is what goes to uv pip install.

    Raises CalledProcessError when a package has no wheel for that system.
    """
    command = [uv, "pip", "install", "--quiet", "--target", str(target), "--only-binary", ":all:", "--no-config"]
    command += ["--python-platform", "aarch64-apple-darwin", "--python-version", PYTHON, "--link-mode", "copy"]
    subprocess.run([*command, *packages], env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": minimum}, check=True)


def requirements(*choice: str, uv: str = "uv") -> str:
    """The lock as lines for pip, with hashes: what the app needs, or what `choice` (options of uv export) names."""
    command = [uv, "export", "--quiet", "--project", str(ROOT), "--locked", "--no-emit-project"]
    return subprocess.run([*command, *(choice or ("--no-dev",))], check=True, capture_output=True, text=True).stdout


def locked_version(package: str) -> str:
    """The version of a package in the lock."""
    lines = (ROOT / "uv.lock").read_text("utf-8").splitlines()
    return lines[lines.index(f'name = "{package}"') + 1].split('"')[1]


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
        report.wrong += [f"no licence text of {p}" for p in licenses.collect(out, Path(temporary) / "licenses")]
        print(table(out))
    print("\n".join(f"WRONG: {line}" for line in report.wrong))
    minimums = ", ".join(f"{count} for macOS {version}" for version, count in sorted(report.minimums.items()))
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
