"""What pasted text means: files by their paths, rows copied as text, or a dataset's id. No Qt here."""

import json
import re
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

DATASET_ID = re.compile(r"[\w.-]+/[\w.-]+")  # of a dataset on Hugging Face
_DATASET_PAGE = re.compile(r"https://(www\.)?huggingface\.co/datasets/([\w.-]+/[\w.-]+)(/.*)?")
_MIN_TEXT = 40  # characters from which plain text is taken as data


def find_files(text: str) -> list[Path]:
    """The files and folders whose paths or file:// addresses the text names, one a line; [] if one does not exist."""
    lines = [line.strip().strip("\"'") for line in text.splitlines() if line.strip()]
    paths = [Path(_decode_address(line)).expanduser() for line in lines if len(line) < 4096]
    try:
        exist = len(paths) == len(lines) and all(path.is_absolute() and path.exists() for path in paths)
    except OSError:  # too long for a name
        return []
    return paths if exist else []


def find_dataset_id(text: str) -> str:
    """The id of a dataset on Hugging Face that a text is, or whose page's address it is; "" for any other text."""
    text = text.strip()
    if page := _DATASET_PAGE.fullmatch(text):
        return page[2]
    return text if DATASET_ID.fullmatch(text) else ""


def save_rows(text: str, folder: Path) -> Path | None:
    """Save copied rows as a file in `folder`; None where the text holds no rows. Raises OSError."""
    ending = _guess_ending(text.strip())
    if not ending:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"pasted-{time.strftime('%Y-%m-%d-%H%M%S')}{ending}"
    path.write_text(text.strip() + "\n", encoding="utf-8")
    return path


def _guess_ending(text: str) -> str:
    """The file ending that fits the text, such as ".csv"; "" where the text is no data."""
    first, _, more_lines = text.partition("\n")
    if text.startswith(("{", "[")):
        return ".jsonl" if text.startswith("{") and _is_json(first) else ".json"
    if more_lines.strip():
        second = more_lines.partition("\n")[0]
        if "\t" in first and "\t" in second:
            return ".tsv"
        if "," in first and "," in second and not first.rstrip().endswith((".", "?", "!")):
            return ".csv"
    return ".txt" if len(text) >= _MIN_TEXT else ""


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _decode_address(line: str) -> str:
    return unquote(urlsplit(line).path) if line.startswith("file://") else line
