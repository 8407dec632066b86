"""Formats, their sentences, what makes a row unusable, and the split."""

import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from core.data.check.content_keys import choose_held_out, key_array, stand_in
from core.data.dataset import Dataset, load_dataset
from core.data.format.example import Example, content_key
from core.errors import BadData


def write(folder: Path, *rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def contents(example: Example) -> Any:
    """What a row means, without its line."""
    if example.messages is not None:
        return [(m["role"], m["content"]) for m in example.messages]
    return example.text if example.text is not None else (example.prompt, example.completion)


Q = [("user", "q"), ("assistant", "a")]


@pytest.mark.parametrize(
    ("row", "sentence", "meaning"),
    [
        (
            {"instruction": "i", "input": "more", "output": "o"},
            "Alpaca, 1 row: instruction, input and output.",
            [("user", "i\n\nmore"), ("assistant", "o")],
        ),
        (
            {"instruction": "i", "input": "", "output": "o"},
            "Alpaca, 1 row: instruction, input and output.",
            [("user", "i"), ("assistant", "o")],
        ),
        (
            {"Instruction": "i", "Context": "more", "Response": "o"},
            "Alpaca, 1 row: Instruction, Context and Response.",
            [("user", "i\n\nmore"), ("assistant", "o")],
        ),
        (
            {"system": "s", "history": [["q", "a"]], "instruction": "i", "output": "o"},
            "Alpaca, 1 row: system, history, instruction and output.",
            [("system", "s"), *Q, ("user", "i"), ("assistant", "o")],
        ),
        (
            {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "system": "s"},
            "ShareGPT, 1 row: conversations and system.",
            [("system", "s"), *Q],
        ),
        (
            {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "id": 3},
            "Chat messages, 1 row: messages. Not read: id.",
            Q,
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "q"}]},
                    {"role": "assistant", "content": "a"},
                ]
            },
            "Chat messages, 1 row: messages.",
            Q,
        ),
        (
            {"prompt": [{"role": "user", "content": "q"}], "completion": [{"role": "assistant", "content": "a"}]},
            "Prompt and completion, 1 row: prompt and completion.",
            Q,
        ),
        ({"prompt": "q", "completion": "a"}, "Prompt and completion, 1 row: prompt and completion.", ("q", "a")),
        ({"question": "q", "answer": "a"}, "Questions and answers, 1 row: question and answer.", Q),
        (
            {"question": "q", "answer": 7},
            "Questions and answers, 1 row: question and answer.",
            [Q[0], ("assistant", "7")],
        ),
        ({"text": "t", "id": 1}, "Plain text, 1 row: text. Not read: id.", "t"),
    ],
)
def test_formats(tmp_path: Path, row: dict[str, Any], sentence: str, meaning: Any) -> None:
    dataset = load_dataset(write(tmp_path, row), "text")
    assert dataset.sentence == sentence
    assert [contents(e) for e in dataset.examples] == [meaning]
    assert (dataset.rows, [f.code for f in dataset.findings]) == (
        1,
        ["no-template"] if row.get("prompt") == "q" else [],
    )


def test_many_rows_are_looked_at_not_the_first_alone(tmp_path: Path) -> None:
    rows = [{"text": "t"}, *({"instruction": f"i{n}", "output": "o"} for n in range(1999))]
    dataset = load_dataset(write(tmp_path, *rows), "text")
    assert dataset.sentence == (
        "Alpaca, 2,000 rows: instruction and output. Some rows are in another format: Plain text."
    )
    assert len(dataset.examples) == 2000


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    sha256 = "a51a42d905bf62837b3d94df9413687c13bba9f097f501806e78ee52b142cc55"  # sha256sum
    assert load_dataset(write(tmp_path, {"text": "t"}), "text").sha256 == sha256


def message(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"messages": [message("user", "q")]}, "The conversation has no answer by the assistant."),
        ({"messages": [message("user", "q"), message("assistant", " ")]}, "The answer is empty."),
        ({"messages": []}, "The conversation is empty."),
        ({"messages": [message("user", None), message("assistant", "a")]}, "Message 1 has no content."),
        (
            {"messages": [message("user", "q"), message("gott", "a")]},
            "Message 2 has the unknown role 'gott'. Name who speaks under role: user, assistant, system or tool. "
            'Say whose messages are learned: --columns "assistant=gott".',
        ),
        ({"messages": ["q", message("assistant", "a")]}, "Message 1 is not an object with role and content."),
        (
            {"messages": [message("user", {"a": 1}), message("assistant", "a")]},
            "Message 1 has content that is not text.",
        ),
        ({"instruction": "i", "output": ""}, "output is empty."),
        ({"instruction": None, "output": "o"}, "instruction is null."),
        ({"instruction": ["i"], "output": "o"}, "instruction is not text."),
        ({"prompt": "p", "completion": None}, "completion is null."),
        ({"text": ""}, "text is empty."),
    ],
)
def test_a_row_that_cannot_be_used_says_why(tmp_path: Path, row: dict[str, Any], sentence: str) -> None:
    path = write(tmp_path, row)
    with pytest.raises(BadData) as error:
        load_dataset(path, "text")
    assert str(error.value) == f"{path}, line 1: {sentence} There is no other row."
    with pytest.raises(BadData) as error:
        load_dataset(write(tmp_path, *[row] * 1200), "text")
    assert str(error.value) == f"{path}, line 1: {sentence} No row can be used; 1,200 have this problem."
    dataset = load_dataset(write(tmp_path, {"text": "t"}, row), "text")
    told = [(f.line, f.severity, " ".join([f.message, *filter(None, [f.fix])])) for f in dataset.findings]
    assert told == [(2, "error", sentence)]
    assert (len(dataset.examples), dataset.rows) == (1, 2)


def test_columns_that_are_not_known_are_named_with_a_mapping_to_copy(tmp_path: Path) -> None:
    path = write(tmp_path, {"foo": 1, "bar": 2}, {"text": "t"})
    (finding,) = load_dataset(path, "text").findings
    assert (finding.line, finding.severity, finding.code) == (1, "error", "columns")
    assert finding.message == (
        "The columns foo and bar are not known; expected messages, or conversations, or instruction and output, "
        "or prompt and completion, or question and answer, or text; or map them: --columns question=foo,answer=bar."
    )


def test_broken_json_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a}\n')
    with pytest.raises(BadData) as error:
        load_dataset(path, "text")
    assert str(error.value) == (
        f"{path}, line 1: The JSON is broken at column 10: unterminated string. There is no other row."
    )


def test_a_conversation_that_ends_with_the_user_keeps_what_was_answered(tmp_path: Path) -> None:
    turns = [message("user", "q"), message("assistant", "a"), message("user", "and?")]
    dataset = load_dataset(write(tmp_path, {"messages": turns}), "text")
    assert contents(dataset.examples[0]) == Q
    (finding,) = dataset.findings
    assert (finding.code, finding.severity, finding.line) == ("ends-with-user", "warning", 1)
    assert finding.message == "The conversation ends with the user, not with an answer."


def test_rows_that_say_the_same_are_found(tmp_path: Path) -> None:
    rows = [{"text": t} for t in ("One two", "three", "one  TWO\n", "four", "One two")]
    (finding,) = load_dataset(write(tmp_path, *rows), "text").findings
    assert (finding.code, finding.line) == ("duplicate", 3)
    assert finding.message == "2 rows say the same as an earlier row; this is the first."


def keys(examples: Iterable[Example]) -> Any:
    return key_array(map(content_key, examples))


def texts(*values: str) -> Dataset:
    examples = tuple(Example(n, text=value) for n, value in enumerate(values, 1))
    return Dataset("", examples, (), "", "", len(values))


def split_dataset(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(to train on, held out), as a run of this seed parts the examples."""
    held_out = choose_held_out(key_array(map(content_key, dataset.examples)), share, seed).tolist()
    examples = list(zip(dataset.examples, held_out, strict=True))
    return tuple(e for e, is_held_out in examples if not is_held_out), tuple(
        e for e, is_held_out in examples if is_held_out
    )


def test_the_split_follows_from_the_seed_and_keeps_the_order() -> None:
    dataset = texts(*(f"row {n}" for n in range(100)))
    train, held_out = split_dataset(dataset, 0.1, 1)
    assert (len(train), len(held_out)) == (90, 10)
    assert sorted((*train, *held_out), key=lambda e: e.line) == list(dataset.examples)
    assert list(train) == sorted(train, key=lambda e: e.line)
    assert (train, held_out) == split_dataset(dataset, 0.1, 1)
    assert held_out != split_dataset(dataset, 0.1, 2)[1]


@pytest.mark.parametrize("seed", range(20))
def test_equal_rows_never_stand_on_both_sides(seed: int) -> None:
    dataset = texts(*(["Same ROW"] * 30 + ["same  row"] * 30 + [f"row {n}" for n in range(40)]))
    train, held_out = split_dataset(dataset, 0.2, seed)
    assert not stand_in(keys(held_out), keys(train)).any()
    assert train and held_out


@pytest.mark.parametrize(
    ("values", "share", "sizes"),
    [
        (("a", "b", "c"), 0.0, (3, 0)),
        (("a", "b"), 0.01, (1, 1)),
        (("a", "A"), 0.5, (2, 0)),
        (("a",), 0.5, (1, 0)),
    ],
)
def test_the_split_of_few_rows(values: tuple[str, ...], share: float, sizes: tuple[int, int]) -> None:
    train, held_out = split_dataset(texts(*values), share, 0)
    assert (len(train), len(held_out)) == sizes


def test_overlap_counts_held_out_rows() -> None:
    assert stand_in(keys(texts("B ", "b", "c").examples), keys(texts("a", "b").examples)).tolist() == [
        True,
        True,
        False,
    ]


def test_many_bad_rows_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    bad = ['{"text": ""}\n', "no JSON\n"]
    path.write_text('{"text": "t"}\n' + "".join(bad * 6000))
    tracemalloc.start()
    dataset = load_dataset(path, "text")
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counts = {code: sum(f.code == code for f in dataset.findings) for code in dataset.finding_counts}
    assert dict(dataset.finding_counts) == {"empty": 6000, "json": 6000}
    assert counts == {"empty": 1000, "json": 1000}
    assert held < 3_000_000 and peak < 6_000_000
