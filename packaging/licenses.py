"""The licences of what is inside an app, one folder for each package: python packaging/licenses.py SITE-PACKAGES OUT"""

import importlib.metadata
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ("licen", "copying", "notice", "authors")


def collect(packages: Path, out: Path) -> list[str]:
    """Copy the licence files of every package unpacked in `packages`, and Hone's own, into `out`.

    `out/index.txt` has a line for each: name, version, licence. Returns the lines of packages that carry no licence
    file: theirs is in the index by its name alone.
    """
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "LICENSE", out / "LICENSE")
    lines, without = [], []
    for package in sorted(importlib.metadata.distributions(path=[str(packages)]), key=lambda d: d.name.lower()):
        line = f"{package.name} {package.version}: {_name(package)}"
        lines.append(line)
        files = [f for f in package.files or [] if _is_licence(f)]
        for file in files:
            source = Path(str(package.locate_file(file)))
            target = out / f"{package.name}-{package.version}" / _inner(file)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        if not files:
            without.append(line)
    (out / "index.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return without


def _is_licence(file: importlib.metadata.PackagePath) -> bool:
    """Whether a file of a package is a text about its licence: in the dist-info, or so named and not code."""
    in_info = ".dist-info" in file.parts[0]
    named = any(word in file.name.lower() for word in WORDS)
    return (in_info and (named or "licenses" in file.parts)) or (named and file.suffix in ("", ".txt", ".md", ".rst"))


def _inner(file: importlib.metadata.PackagePath) -> Path:
    parts = file.parts[1:] if len(file.parts) > 1 else file.parts
    return Path(*(parts[1:] if parts[0] == "licenses" and len(parts) > 1 else parts))


def _name(package: importlib.metadata.Distribution) -> str:
    """The licence by its name: the SPDX expression, a short field, or the classifiers."""
    metadata = package.metadata
    expression, field = metadata.get("License-Expression"), metadata.get("License")
    classifiers = [c.split(" :: ")[-1] for c in metadata.get_all("Classifier") or [] if c.startswith("License")]
    if expression or (field and "\n" not in field and len(field) < 80):
        return expression or field or ""
    return ", ".join(classifiers) or "see its files"


if __name__ == "__main__":
    for missing in collect(Path(sys.argv[1]), Path(sys.argv[2])):
        print(f"no licence file in {missing}")
