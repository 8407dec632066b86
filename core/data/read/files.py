"""What a person means by a dataset: a file, several files, a folder with train, valid and test, or the demo."""

import glob
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core import resources
from core.errors import BadData, Unavailable

DEMO = "demo"  # the sample that ships inside
ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".md", ".parquet")
_PARTS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "eval", "heldout", "held-out"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Files:
    """The files of a dataset. `valid` and `test` are known only where a folder's names tell them, and only where they
    name some as training data are the others `unread`."""

    train: tuple[Path, ...]
    valid: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    unread: tuple[Path, ...] = ()


def find(path: str | Path | Iterable[str | Path], kind: str) -> Files:
    """The files that are meant; a text of several lines names one a line.

    Raises BadData for a folder or a pattern with none, Unavailable without permission.
    """
    if str(path) == DEMO:
        return Files((resources.sample(kind),))
    if isinstance(path, str) and "\n" in path:
        path = listed(path)
    if not isinstance(path, str | Path):
        found = [find(one, kind) for one in path]
        return Files(tuple(f for one in found for f in one.train), unread=tuple(f for one in found for f in one.unread))
    given = Path(path).expanduser()
    if given.is_dir():
        return _folder(given)
    if not given.exists() and glob.has_magic(str(given)):
        matching = sorted(Path(name) for name in glob.glob(str(given), recursive=True))
        if not matching:
            raise BadData(f"No file matches {path}.")
        return Files(tuple(matching))
    return Files((given,))


def listed(path: str) -> list[str]:
    """The files of a dataset's path, which holds several as one a line."""
    return [line.strip() for line in path.split("\n") if line.strip()] or [path]


def dataset_label(path: str | Path | Iterable[str | Path]) -> str:
    """A dataset's path in a sentence, whose files stand one after the other."""
    return ", ".join(listed(str(path)) if isinstance(path, str | Path) else map(str, path))


def parted(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """(to train on, held out) of files that were chosen together, where their names tell."""
    sides: tuple[list[Path], list[Path]] = ([], [])
    for file in files:
        sides[_part(Path(file.name)) == "valid"].append(file)
    return sides if sides[0] else (sides[1], [])


def sha256(paths: Iterable[Path]) -> str:
    """Of a file, or of all files one after the other."""
    made = hashlib.sha256()
    for path in paths:
        with path.open("rb") as opened:
            while block := opened.read(1 << 20):
                made.update(block)
    return made.hexdigest()


def _folder(folder: Path) -> Files:
    """The data files in a folder, by the part their names or folders tell. Those that tell none are to train on, unless
    others are named so."""
    try:
        every = sorted(f for f in folder.rglob("*") if f.is_file() and _is_data(f.relative_to(folder)))
    except PermissionError:
        raise Unavailable(f"{folder} cannot be read: permission denied.") from None
    parts: dict[str, list[Path]] = {"train": [], "valid": [], "test": [], "": []}
    for file in every:
        parts[_part(file.relative_to(folder))].append(file)
    train = parts["train"] or parts[""]
    if not train:
        endings = ", ".join(e[1:] for e in ENDINGS)
        held = " to train on" if every else ""
        raise BadData(f"The folder {folder} has no data file{held} ({endings}, each also gzipped).")
    unread = parts[""] if parts["train"] else []
    return Files(tuple(train), tuple(parts["valid"]), tuple(parts["test"]), tuple(unread))


def _is_data(file: Path) -> bool:
    name = file.name.lower().removesuffix(".gz")
    about = name.startswith(("readme", "license", "dataset_info", "changelog"))
    hidden = any(part.startswith((".", "_")) for part in file.parts)
    return name.endswith(ENDINGS) and not about and not hidden


def _part(file: Path) -> str:
    """train, valid or test where the file's name, or a folder it is in, says so; else ""."""
    for word in (file.name.lower(), *(part.lower() for part in reversed(file.parts[:-1]))):
        for part, names in _PARTS.items():
            if any(word == n or word.startswith(tuple(n + c for c in "-_. 0123456789")) for n in names):
                return part
            stem = word.split(".")[0]
            if any(stem.endswith(tuple(c + n for c in "-_. ")) for n in names):
                return part
    return ""
