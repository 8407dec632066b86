"""What a person means who pastes: files by their paths, rows copied as text, or a dataset's id. No Qt here."""

import json
import re
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

DATASET_ID = re.compile(r"[\w.-]+/[\w.-]+")  # of a dataset on Hugging Face
_LEAST = 40  # characters of plain text that may be meant as data


def find_files(text: str) -> list[Path]:
    """The files and folders whose paths or addresses the text names, one a line; none if one of them is not there."""
    lines = [line.strip().strip("\"'") for line in text.splitlines() if line.strip()]
    found = [Path(_path(line)).expanduser() for line in lines if len(line) < 4096]
    try:
        return (
            found if found and len(found) == len(lines) and all(f.is_absolute() and f.exists() for f in found) else []
        )
    except OSError:  # too long for a name
        return []


def save_rows(text: str, folder: Path) -> Path | None:
    """The rows that were copied, as a file in the folder; None where the text is none. Raises OSError."""
    ending = _ending(text.strip())
    if not ending:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pasted-{time.strftime('%Y-%m-%d-%H%M%S')}{ending}"
    path.write_text(text.strip() + "\n", encoding="utf-8")
    return path


def _ending(text: str) -> str:
    """What kind of file the text would be, "" for none."""
    first, _, rest = text.partition("\n")
    if text.startswith(("{", "[")):
        return ".jsonl" if text.startswith("{") and _is_json(first) else ".json"
    if rest.strip():
        columns = rest.partition("\n")[0]
        if "\t" in first and "\t" in columns:
            return ".tsv"
        if "," in first and "," in columns and not first.rstrip().endswith((".", "?", "!")):
            return ".csv"
    return ".txt" if len(text) >= _LEAST else ""


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _path(line: str) -> str:
    return unquote(urlsplit(line).path) if line.startswith("file://") else line
