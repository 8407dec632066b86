"""Rows that are added to a person's own file: what they hold, what they refuse, and that nothing else changes."""

import errno
import json
import os
from pathlib import Path

import pytest

from core.append_row import append_conversation, append_pair
from core.data.format.formats import detect_format
from core.data.kinds import PAIRS, TEXT
from core.data.read.reader import Row
from core.errors import BadData, Unavailable

QUESTION = [{"role": "user", "content": "Größe?"}]
CONVERSATION = [{"role": "system", "content": "Be short."}, *QUESTION]
ANSWER = {"role": "assistant", "content": "Groß."}


def read(path: Path, kind: str) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert detect_format([Row(i, row) for i, row in enumerate(rows, 1)], kind).shapes
    return rows


def test_a_new_file_and_one_without_a_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    append_conversation(path, [*CONVERSATION, ANSWER])
    assert path.read_text(encoding="utf-8").endswith("}\n")
    path.write_bytes(b"\xef\xbb\xbf\n" + path.read_bytes().rstrip())
    before = path.read_bytes()
    append_conversation(path, [*QUESTION, ANSWER])
    assert path.read_bytes().startswith(before + b"\n{")
    path.write_bytes(path.read_bytes()[4:])
    assert [len(row["messages"]) for row in read(path, TEXT)] == [3, 2]  # type: ignore[arg-type]


def test_pairs_are_written_as_the_file_has_them(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    for _ in range(2):
        append_pair(path, QUESTION, "Groß.", "Gross.")
    assert read(path, PAIRS) == 2 * [{"prompt": "Größe?", "chosen": "Groß.", "rejected": "Gross."}]
    with pytest.raises(BadData, match=r"texts\.jsonl has its prompts as texts"):
        append_pair(path, CONVERSATION, "a", "b")
    lists = tmp_path / "lists.jsonl"
    append_pair(lists, CONVERSATION, "Groß.", "Gross.")
    append_pair(lists, QUESTION, "a", "b")
    first, second = read(lists, PAIRS)
    assert first == {"prompt": CONVERSATION, "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "Gross."}]}
    assert second["prompt"] == QUESTION


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.jsonl", '{"prompt": "x", "completion": "y"}\n', "rows of another kind (prompt, completion)"),
        ("a.jsonl", '{"prompt": "x", "chosen": "y", "rejected": "z"}\n', "rows of another kind (prompt, chosen"),
        ("a.jsonl", "\n[\n", "line 2: this is no row"),
        ("a.json", '[{"messages": []}]', "a.json is no .jsonl file"),
        ("a.csv", "messages\n", "a.csv is no .jsonl file"),
    ],
)
def test_another_file_stays_as_it_is(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BadData) as error:
        append_conversation(path, [*QUESTION, ANSWER])
    assert sentence in str(error.value)
    assert path.read_text(encoding="utf-8") == content


def test_pairs_do_not_go_into_conversations(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append_conversation(path, [*QUESTION, ANSWER])
    with pytest.raises(BadData, match="“prompt”, “chosen” and “rejected”"):
        append_pair(path, QUESTION, "a", "b")


def test_half_a_row_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    append_conversation(path, [*QUESTION, ANSWER])
    before, written, write = path.read_bytes(), [], os.write

    def fill_the_disk(descriptor: int, data: bytes) -> int:
        if written:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(write(descriptor, data[:9]))
        return 9

    monkeypatch.setattr(os, "write", fill_the_disk)
    with pytest.raises(Unavailable, match="disk is full"):
        append_conversation(path, [*QUESTION, ANSWER])
    assert written == [9]
    assert path.read_bytes() == before
