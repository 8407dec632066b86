"""What a file or folder means when somebody drops it on the window or opens it from outside. No Qt here."""

from dataclasses import dataclass
from pathlib import Path

from core.data.read.files import ENDINGS, partition_files


@dataclass(frozen=True)
class Meaning:
    """`kind` is "data", "run", "model", "settings" or "" (refused); `sentence` says what will happen, or why not."""

    kind: str
    sentence: str


def meaning(path: Path) -> Meaning:
    """What Hone would do with this file or folder."""
    name = path.name
    if path.is_dir():
        if (path / "events.jsonl").is_file() or (path / "run.toml").is_file():
            return Meaning("run", f"Open the run “{name}”")
        if (path / "config.json").is_file():
            return Meaning("model", f"Use the model “{name}”")
        if any(_is_data(child) for child in path.iterdir()):
            return Meaning("data", f"Learn from the files in “{name}”")
        return Meaning("", f"“{name}” is a folder without data, a model or a run in it.")
    if not path.is_file():
        return Meaning("", f"“{name}” is not there any more.")
    if path.suffix.lower() == ".toml":
        return Meaning("settings", f"Take over the settings in “{name}”")
    if _is_data(path):
        return Meaning("data", f"Learn from “{name}”")
    return Meaning("", f"Hone learns from JSON, JSONL, CSV, Parquet and text files; “{name}” is none of these.")


def together(files: list[Path]) -> tuple[str, str | None]:
    """(data.path, data.eval_path or None) for data files that were chosen together; their names part them."""
    train, held = partition_files(files)
    return "\n".join(map(str, train)), "\n".join(map(str, held)) or None


def announced(files: list[Path]) -> Meaning:
    """What dropping all of these would do."""
    meanings = [meaning(file) for file in files]
    if len(files) > 1 and all(m.kind == "data" for m in meanings):
        train, held = partition_files(files)
        if held:
            return Meaning("data", f"Learn from {_named(train)}, measure on {_named(held)}")
        return Meaning("data", f"Learn from these {len(files)} files")
    return next((m for m in meanings if m.kind), meanings[0])


def _named(files: list[Path]) -> str:
    return f"“{files[0].name}”" if len(files) == 1 else f"{len(files)} files"


def _is_data(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(ENDINGS)
