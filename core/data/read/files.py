"""The files that a dataset's path means: a file, several files, a folder with train, valid and test, or the demo."""

import glob
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core import resources
from core.data.read.other_formats import describe_other_format
from core.data.read.packed import EXPORTED_CHAT, PACKED_ENDINGS, ZIP, unpacked_name
from core.data.read.text_forms import CODE_ENDINGS
from core.errors import BadData, Unavailable
from core.text.sentence import Sentence, join, say

DEMO = "demo"  # the sample that ships inside
ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt", ".md", ".parquet", ".arrow")
_MOST_FILES = 100_000  # that a folder is looked through for
_TEXTS = (*CODE_ENDINGS, ".tex", ".srt", ".vtt", ".rst", ".log", ZIP)  # files that a person may expect to be read
_MODEL, _ADAPTER = "config.json", "adapter_config.json"  # what the folders of models and of adapters hold
_PARTS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "eval", "heldout", "held-out"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class DatasetFiles:
    """The files of a dataset. `valid` and `test` are known only where names in a folder tell them. `unread` are files
    without such a name, beside others that are named as training data."""

    train: tuple[Path, ...]
    valid: tuple[Path, ...] = ()
    test: tuple[Path, ...] = ()
    unread: tuple[Path, ...] = ()

    @property
    def held_out(self) -> tuple[Path, ...]:
        """What rows are held out from where a person names no files: the test files only where there are no others."""
        return self.valid or self.test


def find_files(path: str | Path | Iterable[str | Path], kind: str) -> DatasetFiles:
    """The files that a dataset's path means.

    path   "demo" for the sample that ships inside; a file, a folder, a pattern such as "data/*.jsonl"; or several of
           them, as an iterable or as a text with one path a line
    kind   kind of data (core.data.kinds), which chooses the sample

    A single file is not checked for existence. Raises BadData for a folder or a pattern without a data file,
    Unavailable for a folder that must not be read.
    """
    if str(path) == DEMO:
        return DatasetFiles((resources.sample(kind),))
    if isinstance(path, str) and "\n" in path:
        path = split_paths(path)
    if not isinstance(path, str | Path):
        parts = [find_files(entry, kind) for entry in path]
        unread = tuple(file for part in parts for file in part.unread)
        return DatasetFiles(tuple(file for part in parts for file in part.train), unread=unread)
    if not str(path).strip():  # which Path would take for the folder that one is in
        raise BadData(say("No file is named to read data from."))
    try:
        expanded = Path(path).expanduser()
        if expanded.is_dir():
            return _find_in_folder(expanded)
        if not expanded.exists() and glob.has_magic(str(expanded)):
            matching = _find_matching(expanded)
            if not matching:
                raise BadData(say("No file matches {path}.", path=path))
            return DatasetFiles(tuple(matching))
    except PermissionError:
        raise BadData(say("There is no permission to read {path}.", path=path)) from None
    except (OSError, ValueError, RuntimeError, re.error):  # too long, a character that no name has, no such home
        raise BadData(say("There can be no file {path}.", path=path)) from None
    return DatasetFiles((expanded,))


def _find_matching(pattern: Path) -> list[Path]:
    """The files that a pattern matches. Links to folders are not followed by "**", and may lead in circles."""
    fixed = list(itertools.takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    root = Path(*fixed)
    names = "/".join(pattern.parts[len(fixed) :])
    shows_hidden = any(part.startswith(".") for part in names.split("/"))
    found = _few(root.glob(names), root)
    return sorted(f for f in found if shows_hidden or not any(p.startswith(".") for p in f.relative_to(root).parts))


def _few(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    """The paths. Raises BadData where there are more than a dataset can have."""
    for count, path in enumerate(paths):
        if count >= _MOST_FILES:
            raise BadData(
                say(
                    "{folder} holds more than {count:,} files; choose a folder of data.",
                    folder=folder,
                    count=_MOST_FILES,
                )
            )
        yield path


def split_paths(path: str) -> list[str]:
    """The paths in a dataset's path, which may hold several, one a line."""
    return [line.strip() for line in path.split("\n") if line.strip()] or [path]


def dataset_label(path: str | Path | Iterable[str | Path]) -> str:
    """A dataset's path as part of a sentence: its files, separated by commas."""
    return ", ".join(split_paths(str(path)) if isinstance(path, str | Path) else map(str, path))


def partition_files(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """(to train on, held out) of files that were chosen together, by their names. Never all of them are held out."""
    sides: tuple[list[Path], list[Path]] = ([], [])
    for file in files:
        sides[_part_of(Path(file.name)) == "valid"].append(file)
    return sides if sides[0] else (sides[1], [])


def hash_files(paths: Iterable[Path]) -> str:
    """SHA-256, in hexadecimal, of a file, or of several files one after the other."""
    import hashlib  # OpenSSL: not before the window stands

    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _find_in_folder(folder: Path) -> DatasetFiles:
    """The data files in a folder, by the part that their names, or their folders' names, tell. Files whose names tell
    no part are training data, unless others are named as training data."""
    try:
        files = sorted(f for f in _few(folder.rglob("*"), folder) if f.is_file())
        data_files = [f for f in files if _is_data(f.relative_to(folder))]
    except PermissionError as error:
        raise Unavailable(say("{folder} cannot be read: {reason}.", folder=folder, reason=error)) from None
    if not data_files or (folder / _MODEL).is_file() or (folder / _ADAPTER).is_file():
        _refuse_model_folder(folder)
    parts: dict[str, list[Path]] = {"train": [], "valid": [], "test": [], "": []}
    for file in data_files:
        parts[_part_of(file.relative_to(folder))].append(file)
    train = parts["train"] or parts[""]
    if not train:
        raise BadData(_no_data_file(folder, bool(data_files), files))
    others = [file for file in files if _is_text_of_another_kind(file.relative_to(folder))]
    unread = parts[""] if parts["train"] else others
    return DatasetFiles(tuple(train), tuple(parts["valid"]), tuple(parts["test"]), tuple(unread))


def _no_data_file(folder: Path, has_held_out: bool, files: list[Path]) -> Sentence:
    """The sentence for a folder without a data file to train on, with what it holds instead."""
    sentence = say(
        "The folder {folder} has no data file{purpose} ({endings}; also packed: {packed}).",
        folder=folder,
        purpose=say(" to train on") if has_held_out else "",
        endings=", ".join(e[1:] for e in ENDINGS),
        packed=", ".join(e[1:] for e in PACKED_ENDINGS),
    )
    shown = [file for file in files if not file.name.startswith(".")]
    if has_held_out or not shown:
        return sentence
    packed = next((file for file in shown if file.name.lower().endswith(ZIP)), None)
    if packed is not None:
        return join([sentence, say("It holds {name}: choose that file, or unpack it.", name=packed.name)])
    other = next(((file, what) for file in shown if (what := describe_other_format(file.suffix.lower()))), None)
    if other is not None:
        return join([sentence, say("{name} is {description}.", name=other[0].name, description=other[1])])
    code = next((file for file in shown if file.suffix.lower() in _TEXTS), None)
    if code is not None:
        return join([sentence, say("To learn from {name} and the like as text, choose the files.", name=code.name)])
    return sentence


def _is_text_of_another_kind(file: Path) -> bool:
    """Whether a person may expect a file to be read that is not: code and the like."""
    return file.suffix.lower() in _TEXTS and not any(part.startswith((".", "_")) for part in file.parts)


def _refuse_model_folder(folder: Path) -> None:
    """Raise BadData where a model or an adapter was given in the place of a dataset."""
    if (folder / _ADAPTER).is_file():
        raise BadData(say("The folder {folder} holds an adapter, not a dataset.", folder=folder))
    if (folder / _MODEL).is_file() and any(folder.glob("*.safetensors")):
        raise BadData(say("The folder {folder} holds a model, not a dataset.", folder=folder))


def _is_data(file: Path) -> bool:
    name = unpacked_name(file.name)
    is_documentation = name.startswith(("readme", "license", "dataset_info", "changelog", "state.json", "dataset_dict"))
    is_hidden = file.name != EXPORTED_CHAT and any(part.startswith((".", "_")) for part in file.parts)
    return name.endswith(ENDINGS) and not is_documentation and not is_hidden


def _part_of(file: Path) -> str:
    """train, valid or test where the file's name, or a folder that it is in, says so; else ""."""
    for word in (file.name.lower(), *(part.lower() for part in reversed(file.parts[:-1]))):
        for part, names in _PARTS.items():
            if any(word == n or word.startswith(tuple(n + c for c in "-_. 0123456789")) for n in names):
                return part
            stem = word.split(".")[0]
            if any(stem.endswith(tuple(c + n for c in "-_. ")) for n in names):
                return part
    return ""
