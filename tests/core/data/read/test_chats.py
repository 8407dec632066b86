"""Chats between people: where conversations end, and that pages of them are the rows of the whole."""

import json
import zipfile
from pathlib import Path
from typing import Any

from core.data.kinds import TEXT
from core.data.preview.scan import preview_files
from core.data.read.chats import Chat, Said
from core.data.read.files import find_files
from core.data.read.index import RowIndex
from core.data.read.reader import Finding, Row, read_rows

HOUR = 3600.0


def _rows(path: Path) -> list[Row]:
    return [item for item in read_rows(path) if isinstance(item, Row)]


def test_a_pause_ends_a_conversation() -> None:
    times = (0, HOUR, 8 * HOUR, 17 * HOUR)
    groups = Chat().conversations(Said("Anna", "Hi", time) for time in times)
    assert [[said.time for said in group] for group in groups] == [[0, HOUR, 8 * HOUR], [17 * HOUR]]


def test_a_long_conversation_is_broken_at_its_longest_pause() -> None:
    said = [Said("Anna", "x" * 1000, minute) for minute in (0.0, 60.0, 120.0, 300.0, 360.0)]
    assert [len(group) for group in Chat().conversations(said)] == [3, 2]


def test_many_short_messages_are_broken_as_well() -> None:
    groups = Chat().conversations(Said(("Ben", "Anna")[n % 2], "ok", 60.0 * n) for n in range(300))
    assert max(map(len, groups)) <= 4000 // 30


def test_times_that_are_none_end_nothing() -> None:
    said = [Said("Anna", "x", float("nan")), Said("Ben", "y" * 3000, 0.0), Said("Anna", "z" * 3000, float("nan"))]
    assert [len(group) for group in Chat().conversations(said)] == [2, 1]


def test_rows_read_from_any_conversation_are_those_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    lines = [
        f"{1 + n // 40:02d}.03.24, {8 + n % 40 // 4:02d}:{n % 4}0 - {('Ben', 'Anna')[n % 2]}: {'Wörter ' * 30}{n}\n"
        for n in range(400)
    ]
    path.write_text("".join(lines), encoding="utf-8")
    rows = _rows(path)
    assert len(rows) > 20
    scanned: Any = preview_files(path, TEXT, 1000).index
    marks = scanned.marks
    assert scanned.rows == len(rows)
    for start in range(0, len(rows), 7):
        assert scanned.read(start, 2) == rows[start : start + 2]
    offset = path.read_bytes().index(lines[rows[5].line - 1].encode())
    marks = marks[:1].copy()
    marks[0] = (5, 0, offset, rows[5].line)
    assert RowIndex((str(path),), marks, len(rows)).read(5, 100) == rows[5:]


def test_days_tell_whether_the_month_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text(
        "04/03/24, 23:00 - Ben: Hi?\n04/03/24, 23:30 - Anna: Yes.\n"
        "05/03/24, 18:00 - Ben: So?\n13/03/24, 09:00 - Anna: No.\n"
    )
    assert [len(row.value["messages"]) for row in _rows(path)] == [2, 1, 1]
    path.write_text("2024/4/3 上午9:00 - Ben: Hi?\n2024/4/3 下午9:30 - Anna: Yes.\n")
    assert [len(row.value["messages"]) for row in _rows(path)] == [1, 1]
    path.write_text("4/3/24, 11:00 PM - Ben: Hi?\n4/4/24, 1:30 AM - Anna: Yes.\n")
    assert [len(row.value["messages"]) for row in _rows(path)] == [2]


def test_the_text_of_a_chat_is_found_beside_its_pictures(tmp_path: Path) -> None:
    text = "[14.03.24, 18:02:11] Ben: Hi?\n[14.03.24, 18:03:00] Anna: Yes.\n"
    folder = tmp_path / "chat"
    folder.mkdir()
    (folder / "_chat.txt").write_text(text)
    (folder / "PHOTO.jpg").write_bytes(b"\xff\xd8\xff")
    assert find_files(folder, TEXT).train == (folder / "_chat.txt",)
    with zipfile.ZipFile(tmp_path / "chat.zip", "w") as archive:
        archive.write(folder / "_chat.txt", "_chat.txt")
        archive.write(folder / "PHOTO.jpg", "PHOTO.jpg")
    assert len(_rows(tmp_path / "chat.zip")) == 1


def test_what_is_told_of_a_chat(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    message = {"type": "message", "date": "2024-03-14T18:02:00", "from": "Ben", "text": "Hi?"}
    path.write_text(json.dumps({"name": "Ben", "type": "personal_chat", "id": 1, "messages": [message]}))
    (told,) = (item for item in read_rows(path) if isinstance(item, Finding))
    assert (told.code, told.severity) == ("chat", "note")
    assert "messages by Ben (1); conversations end at pauses of 8 h, or about 4,000 characters" in told.message


def test_who_speaks_is_known_before_anything_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("14.03.24, 18:02 - Ben: Hi?\n14.03.24, 18:03 - Anna: Yes.\n")
    assert preview_files(path, TEXT).speakers == ("Ben", "Anna")
    assert preview_files(path, TEXT, columns=["assistant=Anna"]).speakers == ("Ben", "Anna")


def test_messages_left_out_at_the_ends_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("".join(f"14.03.24, 18:02 - {name}: Hi?\n" for name in ("Anna", "Ben", "Anna", "Ben", "Ben")))
    findings = preview_files(path, TEXT, columns=["assistant=Anna"]).findings
    (told,) = (finding for finding in findings if finding.code == "unanswered")
    assert told.message.startswith("3 messages are left out")
