"""A run's name, tags and notes: kept in its folder, bounded, and checked when they are read."""

import json
import stat
from pathlib import Path

import pytest

from app.runs.notes import FILE, MAX_NAME, MAX_TAGS, RunNotes, make_notes, read_notes, write_notes
from core.errors import Unavailable


def test_notes_are_kept(tmp_path: Path) -> None:
    notes = make_notes("  Second\ttry ", "fast,  good one, fast,,", "Better\nthan the first. ")
    assert notes == RunNotes("Second try", ("fast", "good one"), "Better\nthan the first.")
    write_notes(tmp_path, notes)
    assert read_notes(tmp_path) == (notes, "")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    write_notes(tmp_path, RunNotes())
    assert list(tmp_path.iterdir()) == []
    assert read_notes(tmp_path) == (RunNotes(), "")


def test_notes_are_bounded(tmp_path: Path) -> None:
    values = {"name": "n" * 500, "tags": [f"tag {n}" for n in range(99)], "text": "x" * 50_000}
    (tmp_path / FILE).write_text(json.dumps(values))
    notes, problem = read_notes(tmp_path)
    assert (len(notes.name), len(notes.tags), len(notes.text), problem) == (MAX_NAME, MAX_TAGS, 20_000, "")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[1]", "no table of values"),
        (b'{"name": 3}', "other values"),
        (b'{"tags": [1]}', "other values"),
        (b'{"name": "' + b"a" * 300_000 + b'"}', "larger than 200 kB"),
    ],
)
def test_a_damaged_file_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    notes, problem = read_notes(tmp_path)
    assert notes == RunNotes()
    assert sentence in problem


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="gone"):
        write_notes(tmp_path / "gone", RunNotes("a"))
