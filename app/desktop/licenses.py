"""The licences of everything that Hone stands on, with their texts: from the packages themselves, and from
resources/licenses for those that carry none."""

import importlib.metadata
import platform
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePath
from typing import cast

import core
from core.resources import FOLDER

ADDED = FOLDER / "licenses"
_WORDS = ("licen", "copying", "notice", "authors")


@dataclass(frozen=True)
class License:
    """A part of Hone and what it may be used under. `texts` has the name of each file and what it says."""

    part: str
    version: str
    name: str  # as SPDX calls it, where the package does
    texts: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """All its texts, one below the other."""
        return "\n\n".join(f"{name}\n\n{text.strip()}" if len(self.texts) > 1 else text for name, text in self.texts)


def list_licenses() -> list[License]:
    """Hone's, Python's, and that of each package: in a frozen app the ones that were put into it, else of what is
    installed beside Hone."""
    collected = Path(getattr(sys, "_MEIPASS", "")) / "licenses"
    if getattr(sys, "frozen", False) and collected.is_dir():
        return read_folder(collected)
    return [*hone_and_python(), *of_packages(importlib.metadata.distributions())]


def hone_and_python() -> list[License]:
    """The licence of Hone itself and of the Python that it runs on."""
    hone = License("Hone", core.__version__, "Apache-2.0", tuple(_added(["Apache-2.0.txt"])))
    return [hone, License("Python", platform.python_version(), "PSF-2.0", tuple(_added(["Python.txt"])))]


def of_packages(packages: Iterable[importlib.metadata.Distribution]) -> list[License]:
    """The licence of each package but Hone, by name. A package of which there is no text has `texts` ()."""
    added = tomllib.loads((ADDED / "added.toml").read_text("utf-8"))
    found: dict[str, License] = {}
    for package in packages:
        key = re.sub(r"[-_.]+", "-", package.name).lower()
        texts = (*_texts(package), *_added(added.get(key, [])))
        if key != "hone":
            found.setdefault(key, License(package.name, package.version, _name(package), texts))
    return [found[key] for key in sorted(found)]


def write_folder(licenses: Iterable[License], out: Path) -> None:
    """Keep licences as files, as read_folder() reads them."""
    lines = []
    for license in licenses:
        lines.append(f"{license.part}\t{license.version}\t{license.name}")
        for name, text in license.texts:
            path = out / f"{license.part}-{license.version}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    (out / "index.txt").write_text("\n".join(lines) + "\n", "utf-8")


def read_folder(folder: Path) -> list[License]:
    """The licences that write_folder() has kept."""
    licenses = []
    for line in (folder / "index.txt").read_text("utf-8").splitlines():
        part, version, name = line.split("\t")
        inside = folder / f"{part}-{version}"
        files = sorted(path for path in inside.rglob("*") if path.is_file())
        texts = tuple((path.relative_to(inside).as_posix(), path.read_text("utf-8")) for path in files)
        licenses.append(License(part, version, name, texts))
    return licenses


def _added(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        yield name, (ADDED / name).read_text("utf-8")


def _texts(package: importlib.metadata.Distribution) -> Iterator[tuple[str, str]]:
    """The licence files of a package: those of its dist-info, and others that are so named and are no code."""
    for file in package.files or ():
        path = Path(str(package.locate_file(file)))
        if _is_text(file) and path.is_file():
            yield _inner(file).as_posix(), path.read_text("utf-8", "replace")


def _is_text(file: PurePath) -> bool:
    in_info = ".dist-info" in file.parts[0]
    named = any(word in file.name.lower() for word in _WORDS)
    return (in_info and (named or "licenses" in file.parts)) or (named and file.suffix in ("", ".txt", ".md", ".rst"))


def _inner(file: PurePath) -> PurePath:
    parts = file.parts[1:] if len(file.parts) > 1 else file.parts
    return PurePath(*(parts[1:] if parts[0] == "licenses" and len(parts) > 1 else parts))


def _name(package: importlib.metadata.Distribution) -> str:
    """The licence by its name: the SPDX expression, a short field, or the classifiers."""
    metadata = cast(Message, package.metadata)
    expression, field = metadata.get("License-Expression"), metadata.get("License")
    classifiers = [c.split(" :: ")[-1] for c in metadata.get_all("Classifier") or [] if c.startswith("License")]
    if expression or (field and "\n" not in field and len(field) < 80):
        return expression or field or ""
    return ", ".join(classifiers) or "see its files"
