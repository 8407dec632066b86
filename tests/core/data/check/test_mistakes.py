"""One file for each ordinary mistake: what is kept, what is said, and where."""

from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import load_dataset
from core.data.format.example import example_texts
from core.errors import BadData

NAMED = 'Name what it holds, as in {"question": "…", "answer": "…"}.'
READ_AS = "It is read as Windows-1252; where letters look wrong, save the file as UTF-8."

FILES = Path(__file__).parents[1] / "files"

# file, kind, sentence, how many rows are kept, (code, severity, line, message, what is done)
MISTAKES: list[tuple[str, str, str, int, list[tuple[str, str, int, str, str | None]]]] = [
    (
        "blank-lines.jsonl",
        "text",
        "Alpaca, 2 rows: instruction and output.",
        2,
        [("blank", "note", 2, "This line and 1 more are blank.", "Blank lines are skipped.")],
    ),
    ("pretty-printed.json", "text", "Alpaca, 2 rows: instruction and output.", 2, []),
    ("array-called-lines.jsonl", "text", "Alpaca, 2 rows: instruction and output.", 2, []),
    (
        "byte-order-mark.jsonl",
        "text",
        "Alpaca, 1 row: instruction and output.",
        1,
        [("bom", "note", 1, "The file starts with a byte order mark.", "It is skipped.")],
    ),
    (
        "single-quotes.jsonl",
        "text",
        "Alpaca, 2 rows: instruction and output.",
        2,
        [("single-quotes", "warning", 1, "The JSON has single quotes, as Python writes them.", "It is read as meant.")],
    ),
    (
        "trailing-commas.json",
        "text",
        "Alpaca, 2 rows: instruction and output.",
        2,
        [("trailing-comma", "warning", 2, "The JSON has a comma too many.", "It is read as meant.")],
    ),
    ("sharegpt.json", "text", "ShareGPT, 1 row: conversations.", 1, []),
    (
        "mixed.jsonl",
        "text",
        "Alpaca, 3 rows: instruction and output. Some rows are in another format: Prompt and completion.",
        3,
        [],
    ),
    (
        "nulls.jsonl",
        "text",
        "Prompt and completion, 2 rows: prompt and completion.",
        1,
        [("null", "error", 1, "completion is null.", None)],
    ),
    (
        "wrong-types.jsonl",
        "text",
        "Chat messages, 3 rows: messages.",
        2,
        [
            ("type", "error", 1, "messages is not a list of messages.", None),
            ("not-a-row", "error", 4, "This is a list, not an object with named columns.", NAMED),
        ],
    ),
    (
        "broken.jsonl",
        "text",
        "Alpaca, 2 rows: instruction and output.",
        2,
        [("json", "error", 2, "The JSON is broken at column 39: unterminated string.", None)],
    ),
    (
        "windows-1252.csv",
        "text",
        "Questions and answers, 2 rows: question and answer.",
        2,
        [
            ("encoding", "warning", 2, "This is not UTF-8.", READ_AS),
            ("encoding", "warning", 3, "This is not UTF-8.", READ_AS),
        ],
    ),
    (
        "ends-with-user.jsonl",
        "text",
        "Chat messages, 2 rows: messages.",
        1,
        [
            (
                "ends-with-user",
                "warning",
                1,
                "The conversation ends with the user, not with an answer.",
                "What follows the last answer is left out.",
            ),
            ("no-answer", "error", 2, "The conversation has no answer by the assistant.", None),
        ],
    ),
    (
        "empty-answers.jsonl",
        "text",
        "Alpaca, 3 rows: instruction and output.",
        1,
        [
            ("empty-answer", "error", 1, "output is empty.", None),
            ("empty-answer", "error", 3, "output is empty.", None),
        ],
    ),
    (
        "duplicates.jsonl",
        "text",
        "Alpaca, 3 rows: instruction and output.",
        3,
        [
            (
                "duplicate",
                "warning",
                3,
                "1 row says the same as an earlier row; this is the first.",
                "The split keeps them on one side; they can be left out.",
            )
        ],
    ),
    (
        "placeholders.jsonl",
        "text",
        "Alpaca, 2 rows: instruction and output.",
        2,
        [
            (
                "placeholder",
                "warning",
                1,
                "The placeholder {{name}} stands in the text, and the model would learn to write it.",
                "It can be filled in, or the row left out.",
            )
        ],
    ),
    (
        "same-answers.jsonl",
        "pairs",
        "Preference pairs, 2 rows: prompt, chosen and rejected.",
        1,
        [("same-answers", "error", 1, "chosen and rejected are the same.", None)],
    ),
]


@pytest.mark.parametrize(("name", "kind", "sentence", "count", "expected"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_nothing_else_is_lost(
    name: str, kind: str, sentence: str, count: int, expected: list[Any]
) -> None:
    dataset = load_dataset(FILES / name, kind)
    assert dataset.sentence == sentence
    assert len(dataset.examples) == count
    told = [f for f in dataset.findings if f.code != "no-template"]  # a note on what is no mistake
    assert [(f.code, f.severity, f.line, f.message, f.fix) for f in told] == expected
    assert {f.file for f in dataset.findings} <= {str(FILES / name)}


def test_the_mended_text_is_what_was_meant() -> None:
    assert [m["content"] for m in load_dataset(FILES / "single-quotes.jsonl", "text").examples[0].messages or ()] == [
        "Say one.",
        "One's here.",
    ]
    commas = load_dataset(FILES / "trailing-commas.json", "text").examples
    assert [list(example_texts(e)) for e in commas] == [["Say one, please.", "One."], ["Say two.", "Two, ]."]]
    assert list(example_texts(load_dataset(FILES / "windows-1252.csv", "text").examples[0])) == ["Der Käse?", "Schön."]


def test_the_file_is_never_changed() -> None:
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in FILES.iterdir()}
    for name, kind, *_ in MISTAKES:
        load_dataset(FILES / name, kind, exclude=["duplicate", "placeholder"], fill_in=["name=Hone"])
    assert before == {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in FILES.iterdir()}


def test_rows_with_a_finding_can_be_left_out() -> None:
    for name, code in (("duplicates.jsonl", "duplicate"), ("placeholders.jsonl", "placeholder")):
        dataset = load_dataset(FILES / name, "text", exclude=[code])
        assert len(dataset.examples) == dataset.rows - 1
        (finding,) = dataset.findings
        assert finding.fix in ("They are left out.", "The row is left out, as chosen.")
    remaining = load_dataset(FILES / "duplicates.jsonl", "text", exclude=["duplicate"]).examples
    assert [e.line for e in remaining] == [1, 2]


def test_placeholders_can_be_filled_in() -> None:
    dataset = load_dataset(FILES / "placeholders.jsonl", "text", fill_in=["name=Hone", "author=us"])
    assert list(example_texts(dataset.examples[0])) == ["Who are you?", "I am Hone, made by us."]
    assert dataset.findings == ()
    (finding,) = load_dataset(FILES / "placeholders.jsonl", "text", fill_in=["name=Hone"]).findings
    assert finding.message.startswith("The placeholder {{ author }} stands")


def test_columns_can_be_read_under_other_names() -> None:
    columns = ["question={aufgabe} ({einheit})", "answer={loesung} {einheit}", "system=einheit"]
    dataset = load_dataset(FILES / "semicolons.csv", "text", columns=columns)
    assert dataset.sentence == "Questions and answers, 2 rows: question, answer and system."
    assert [list(example_texts(e)) for e in dataset.examples] == [
        ["m", "How long is it? (m)", "3 m"],
        ["kg", "How heavy is it? (kg)", "4 kg"],
    ]


def test_a_column_name_with_a_line_break_stays_in_its_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('"na\nme",b\n1,2\n')
    with pytest.raises(BadData, match="The columns na me and b are not known; expected messages"):
        load_dataset(path, "text")
