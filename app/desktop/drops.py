"""What a file or folder means when it is dropped on the window or opened from outside. No Qt here."""

from dataclasses import dataclass
from pathlib import Path

from app.desktop.language import tr
from core.data.read.files import ENDINGS, partition_files
from core.data.read.other_formats import describe_other_format
from core.data.read.packed import ZIP, unpacked_name


@dataclass(frozen=True)
class DropMeaning:
    """`kind` is "data", "run", "model", "adapter", "settings" or "" (refused); `sentence` says what will
    happen, or why not."""

    kind: str
    sentence: str


def classify_path(path: Path) -> DropMeaning:
    """What Hone would do with this file or folder."""
    try:
        return _classify_readable(path)
    except PermissionError:
        return DropMeaning("", tr("There is no permission to read “{name}”.", name=path.name))


def _classify_readable(path: Path) -> DropMeaning:
    """The same. Raises PermissionError where a folder belongs to somebody else."""
    name = path.name
    if path.is_dir():
        if (path / "events.jsonl").is_file() or (path / "run.toml").is_file():
            return DropMeaning("run", tr("Open the run “{name}”", name=name))
        if (path / "adapter_config.json").is_file():
            return DropMeaning("adapter", tr("Talk to the adapter “{name}”", name=name))
        if (path / "config.json").is_file():
            return DropMeaning("model", tr("Use the model “{name}”", name=name))
        if any(_is_data(child) for child in path.iterdir()):
            return DropMeaning("data", tr("Learn from the files in “{name}”", name=name))
        return DropMeaning("", tr("“{name}” is a folder without data, a model or a run in it.", name=name))
    if not path.is_file():
        return DropMeaning("", tr("“{name}” is not there any more.", name=name))
    if path.suffix.lower() == ".toml":
        return DropMeaning("settings", tr("Take over the settings in “{name}”", name=name))
    if _is_data(path):
        return DropMeaning("data", tr("Learn from “{name}”", name=name))
    if other_format := describe_other_format(path.suffix.lower()):
        return DropMeaning("", tr("“{name}” is {other_format}.", name=name, other_format=other_format))
    return DropMeaning(
        "", tr("Hone learns from JSON, JSONL, CSV, Parquet and text files; “{name}” is none of these.", name=name)
    )


def split_data_files(files: list[Path]) -> tuple[str, str | None]:
    """(data.path, data.eval_path or None) for data files chosen together: names such as valid.jsonl are validation."""
    train_files, eval_files = partition_files(files)
    return "\n".join(map(str, train_files)), "\n".join(map(str, eval_files)) or None


def describe_drop(files: list[Path]) -> DropMeaning:
    """What dropping all of these files would do."""
    meanings = [classify_path(file) for file in files]
    if len(files) > 1 and all(m.kind == "data" for m in meanings):
        train_files, eval_files = partition_files(files)
        if eval_files:
            sentence = tr(
                "Learn from {files}, measure on {held_out}",
                files=_name_files(train_files),
                held_out=_name_files(eval_files),
            )
            return DropMeaning("data", sentence)
        return DropMeaning("data", tr("Learn from these {count} files", count=len(files)))
    return next((m for m in meanings if m.kind), meanings[0])


def _name_files(files: list[Path]) -> str:
    return f"“{files[0].name}”" if len(files) == 1 else tr("{count} files", count=len(files))


def _is_data(path: Path) -> bool:
    return unpacked_name(path.name).endswith((*ENDINGS, ZIP))
