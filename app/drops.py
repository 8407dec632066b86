"""What a file or folder means when somebody drops it on the window or opens it from outside. No Qt here."""

from dataclasses import dataclass
from pathlib import Path

from core.data.files import ENDINGS


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


def _is_data(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(ENDINGS)
