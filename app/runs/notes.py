"""What a person writes about a run: a name, tags and notes, in a small file of the run's folder. No Qt."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.desktop.language import tr
from core.files.atomic_files import replacing
from core.files.file_errors import explain

FILE = "notes.json"
MAX_NAME, MAX_TAG, MAX_TAGS, MAX_TEXT = 120, 40, 20, 20_000  # characters, and how many tags
_MAX_BYTES = 200_000


@dataclass(frozen=True)
class RunNotes:
    """The name, tags and notes of a run; all empty where nobody has written any."""

    name: str = ""
    tags: tuple[str, ...] = ()
    text: str = ""


def make_notes(name: str, tags: str, text: str) -> RunNotes:
    """Notes of what a person typed: one line for the name, tags divided by commas, each once; what is longer is cut."""
    cleaned = (" ".join(tag.split())[:MAX_TAG].strip() for tag in tags.split(","))
    return RunNotes(
        " ".join(name.split())[:MAX_NAME].strip(),
        tuple(dict.fromkeys(tag for tag in cleaned if tag))[:MAX_TAGS],
        text[:MAX_TEXT].strip(),
    )


def read_notes(folder: Path) -> tuple[RunNotes, str]:
    """(the notes of a run, why they cannot be read or "")."""
    path = folder / FILE
    try:
        if not path.is_file():
            return RunNotes(), ""
        if path.stat().st_size > _MAX_BYTES:
            return RunNotes(), tr("{name} is larger than {size} kB.", name=FILE, size=_MAX_BYTES // 1000)
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return RunNotes(), tr("{name} cannot be read: {reason}.", name=FILE, reason=error)
    except (ValueError, RecursionError):
        return RunNotes(), tr("{name} is not valid JSON.", name=FILE)
    return _check(values)


def write_notes(folder: Path, notes: RunNotes) -> None:
    """Write the notes of a run; empty ones leave no file. Raises Unavailable where that is not possible."""
    path = folder / FILE
    with explain(path):
        if notes == RunNotes():
            path.unlink(missing_ok=True)
            return
        with replacing(path) as temporary:
            text = json.dumps(asdict(notes), indent=2, ensure_ascii=False) + "\n"
            temporary.write_text(text, encoding="utf-8", errors="replace")


def _check(values: Any) -> tuple[RunNotes, str]:
    """The notes in the values of a file, and what of them is none."""
    if not isinstance(values, dict):
        return RunNotes(), tr("{name} holds no table of values.", name=FILE)
    name, tags, text = values.get("name", ""), values.get("tags", []), values.get("text", "")
    is_valid = isinstance(name, str) and isinstance(text, str) and isinstance(tags, list)
    if not is_valid or not all(isinstance(tag, str) for tag in tags):
        return RunNotes(), tr("{name} holds other values than a name, tags and a text.", name=FILE)
    return make_notes(name, ",".join(tags), text), ""
