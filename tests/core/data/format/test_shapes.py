"""Pairs, thumbs and questions in all the ways people write them, and what becomes of rows meant for another kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import Dataset, load_dataset
from core.data.format.example import Example
from core.data.format.final_answer import final_answer
from core.errors import BadData


def load(folder: Path, kind: str, *rows: Any) -> Dataset:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_dataset(path, kind)


def contents(part: Any) -> Any:
    return [(m["role"][0], m["content"]) for m in part] if isinstance(part, tuple) else part


def pair(e: Example) -> Any:
    return contents(e.messages if e.messages is not None else e.prompt), contents(e.chosen), contents(e.rejected)


def m(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


U, A, B, S = m("user", "q"), m("assistant", "a"), m("assistant", "b"), m("system", "s")
AS_CHAT = ([("u", "q")], [("a", "a")], [("a", "b")])


@pytest.mark.parametrize(
    ("row", "meaning"),
    [
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, ("q", "a", "b")),
        ({"prompt": [U], "chosen": [A], "rejected": [B]}, AS_CHAT),
        ({"prompt": [U], "chosen": [U, A], "rejected": [U, B]}, AS_CHAT),
        ({"prompt": "q", "chosen": [U, A], "rejected": [U, B]}, AS_CHAT),
        ({"prompt": "q", "chosen": [A], "rejected": [B]}, AS_CHAT),
        ({"prompt": [U], "chosen": "a", "rejected": "b"}, AS_CHAT),
        ({"question": "q", "chosen": "a", "rejected": "b"}, AS_CHAT),
        ({"system": "s", "question": "q", "chosen": "a", "rejected": "b"}, ([("s", "s"), ("u", "q")], *AS_CHAT[1:])),
        ({"instruction": "q", "input": "x", "chosen": "a", "rejected": "b"}, ([("u", "q\n\nx")], *AS_CHAT[1:])),
        ({"chosen": [U, A], "rejected": [U, B]}, AS_CHAT),
        ({"chosen": [S, U, A], "rejected": [S, U, B]}, ([("s", "s"), ("u", "q")], *AS_CHAT[1:])),
        ({"chosen": json.dumps([U, A]), "rejected": str([U, B])}, AS_CHAT),
        (
            {
                "conversations": [{"from": "human", "value": "q"}],
                "chosen": {"from": "gpt", "value": "a"},
                "rejected": {"from": "gpt", "value": "b"},
            },
            AS_CHAT,
        ),
        (
            {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
            AS_CHAT,
        ),
        ({"chosen": "Say it: yes", "rejected": "Say it: no"}, ("Say it:", " yes", " no")),
    ],
)
def test_pairs(tmp_path: Path, row: dict[str, Any], meaning: Any) -> None:
    dataset = load(tmp_path, "pairs", row)
    assert dataset.sentence.startswith("Preference pairs, 1 row: ")
    assert [pair(e) for e in dataset.examples] == [meaning]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"prompt": "q", "chosen": "a", "rejected": ""}, "rejected is empty."),
        ({"prompt": "q", "chosen": None, "rejected": "b"}, "chosen is null."),
        ({"prompt": "q", "chosen": "a", "rejected": "a"}, "chosen and rejected are the same."),
        ({"chosen": [U, A], "rejected": [U, A]}, "chosen and rejected are the same."),
        ({"chosen": [U, A], "rejected": "b"}, "chosen and rejected are not of the same form."),
        ({"chosen": [U, A], "rejected": [U]}, "rejected does not end with an answer."),
        (
            {"chosen": [U, A], "rejected": [m("user", "other"), B]},
            "chosen and rejected do not begin with the same question.",
        ),
        (
            {"text": "t"},
            "The column text is not known; expected prompt, chosen and rejected; or map them: "
            "--columns prompt=COLUMN,chosen=COLUMN,rejected=COLUMN.",
        ),
    ],
)
def test_pairs_that_cannot_be_used(tmp_path: Path, row: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadData) as error:
        load(tmp_path, "pairs", row)
    assert str(error.value) == f"{tmp_path}/rows.jsonl, line 1: {sentence} There is no other row."


def test_better_answers_that_are_longer_are_told(tmp_path: Path) -> None:
    rows = [{"prompt": str(n), "chosen": "a" * 9, "rejected": "b"} for n in range(60)]
    finding, _ = load(tmp_path, "pairs", *rows).findings
    assert (finding.code, finding.line) == ("length-bias", None)
    assert finding.message == "In 100% of the pairs the better answer is the longer one; the model may learn length."


@pytest.mark.parametrize(
    ("kind", "row", "is_told"),
    [
        ("text", {"prompt": "q", "completion": "a"}, True),
        ("pairs", {"prompt": "q", "chosen": "a", "rejected": "b"}, True),
        ("questions", {"prompt": "q", "answer": "a"}, True),
        ("text", {"prompt": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n", "completion": "a"}, False),
        ("text", {"question": "q", "answer": "a"}, False),
        ("text", {"text": "t"}, False),
    ],
)
def test_prompts_without_a_chat_template_are_told(
    tmp_path: Path, kind: str, row: dict[str, Any], is_told: bool
) -> None:
    notes = [f for f in load(tmp_path, kind, row, row).findings if f.code == "no-template"]
    assert [(f.severity, f.line) for f in notes] == ([("note", 1)] if is_told else [])
    assert not notes or notes[0].message.startswith(
        "Of 2 rows prompt and answer are learned as text, with no chat template "
    )


@pytest.mark.parametrize(
    ("row", "meaning"),
    [
        ({"prompt": "q", "completion": "a", "label": True}, (("q", "a"), True)),
        ({"prompt": "q", "completion": "a", "label": 0}, (("q", "a"), False)),
        ({"prompt": [U], "completion": [A], "label": "good"}, ([("u", "q"), ("a", "a")], True)),
        ({"messages": [U, A], "label": False}, ([("u", "q"), ("a", "a")], False)),
        ({"instruction": "q", "output": "a", "kto_tag": True}, ([("u", "q"), ("a", "a")], True)),
        ({"question": "q", "answer": "a", "thumbs": "👎"}, ([("u", "q"), ("a", "a")], False)),
    ],
)
def test_thumbs(tmp_path: Path, row: dict[str, Any], meaning: Any) -> None:
    dataset = load(tmp_path, "thumbs", row)
    (e,) = dataset.examples
    assert (contents(e.messages) if e.messages else (e.prompt, e.completion), e.label) == meaning
    assert [f.code for f in dataset.findings] == ["one-sided", *(["no-template"] if e.prompt else [])]
    assert dataset.sentence.startswith("Thumbs up and down, 1 row: ")


def test_a_label_that_is_no_mark_is_not_taken_for_one(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="label is 'sports', which means neither good nor bad"):
        load(tmp_path, "thumbs", {"prompt": "q", "completion": "a", "label": "sports"})


@pytest.mark.parametrize(
    ("row", "prompt", "answer"),
    [
        ({"question": "q", "answer": "2 + 2 = 4\n#### 4"}, [("u", "q")], "4"),
        ({"problem": "q", "thinking": "t", "solution": r"so \boxed{\frac{1}{2}}."}, [("u", "q")], r"\frac{1}{2}"),
        ({"problem": "q", "solution": "long", "answer": 7}, [("u", "q")], "7"),
        ({"prompt": "q", "answer": "a"}, "q", "a"),
        ({"prompt": [S, U], "answer": "a"}, [("s", "s"), ("u", "q")], "a"),
        ({"instruction": "q", "input": "", "output": "a"}, [("u", "q")], "a"),
        ({"messages": [U, A, U, B]}, [("u", "q"), ("a", "a"), ("u", "q")], "b"),
        ({"prompt": "q"}, "q", None),
        ({"question": "q"}, [("u", "q")], None),
        ({"prompt": [U], "chosen": [A], "rejected": [B]}, [("u", "q")], None),
    ],
)
def test_questions(tmp_path: Path, row: dict[str, Any], prompt: Any, answer: str | None) -> None:
    (e,) = load(tmp_path, "questions", row).examples
    assert (contents(e.messages) if e.messages else e.prompt, e.answer) == (prompt, answer)
    assert (e.completion, e.chosen, e.text) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("#### 1,000 ", "1,000"),
        ("a\n#### 1\nb\n#### 2", "2"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{1", r"\boxed{1"),
        (" plain ", "plain"),
        ("####", "####"),
    ],
)
def test_the_final_answer(answer: str, result: str) -> None:
    assert final_answer(answer) == result


def test_rows_meant_for_another_kind_are_converted_and_told(tmp_path: Path) -> None:
    pairs = [{"prompt": f"q{n}", "chosen": "a", "rejected": "b"} for n in range(2)]
    dataset = load(tmp_path, "thumbs", *pairs)
    assert [(e.line, e.prompt, e.completion, e.label) for e in dataset.examples] == [
        (1, "q0", "a", True),
        (1, "q0", "b", False),
        (2, "q1", "a", True),
        (2, "q1", "b", False),
    ]
    assert dataset.sentence == (
        "Preference pairs, 2 rows: prompt, chosen and rejected. Each pair becomes one good and one bad answer."
    )
    dataset = load(tmp_path, "text", *pairs)
    assert [(e.prompt, e.completion) for e in dataset.examples] == [("q0", "a"), ("q1", "a")]
    assert dataset.sentence.endswith(" Only the better answers are learned.")
    marked = [{"messages": [U, answer], "label": answer is A} for answer in (A, B)]
    dataset = load(tmp_path, "text", *marked)
    assert [contents(e.messages) for e in dataset.examples] == [[("u", "q"), ("a", "a")]]
    assert ([f.message for f in dataset.findings], dataset.rows) == (["1 row is marked bad, and not learned."], 2)
    assert dataset.sentence.endswith(" Only the answers marked good are learned.")


def test_function_calls_in_every_form_become_one(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {"city": "Rome"}}}
    openai = {**call, "function": {"name": "look", "arguments": '{"city": "Rome"}'}}
    tool = {"name": "look", "parameters": {}}
    rows: list[dict[str, Any]] = [
        {"messages": [U, m("assistant", "") | {"tool_calls": [openai]}, m("tool", "sunny"), A], "tools": [tool]},
        {
            "messages": [
                U,
                {"role": "assistant", "content": None, "function_call": openai["function"]},
                m("function", "sunny"),
                A,
            ],
            "functions": [tool],
        },
        {
            "conversations": [
                {"from": "human", "value": "q"},
                {"from": "function_call", "value": json.dumps(openai["function"])},
                {"from": "observation", "value": "sunny"},
                {"from": "gpt", "value": "a"},
            ],
            "tools": json.dumps([tool]),
        },
    ]
    for row in rows:
        (e,) = load(tmp_path, "text", row).examples
        assert e.messages is not None
        assert [x["role"] for x in e.messages] == ["user", "assistant", "tool", "assistant"]
        assert (e.messages[1]["content"], e.messages[1]["tool_calls"]) == ("", [call])
        assert e.tools == ({"type": "function", "function": tool},)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"tool_calls": [{"function": {}}]}, "Message 2 calls a function without a name."),
        ({"tool_calls": {"name": "x"}}, "Message 2 has tool_calls that are not a list."),
        (
            {"tool_calls": [{"function": {"name": "x", "arguments": "{"}}]},
            "Message 2 calls x with arguments that are not valid JSON.",
        ),
        (
            {"content": [{"type": "image_url"}]},
            "Message 2 holds something other than text (image_url), which cannot be learned yet; with "
            "exclude=not-text its text alone is learned.",
        ),
    ],
)
def test_messages_that_cannot_be_used(tmp_path: Path, message: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadData) as error:
        load(tmp_path, "text", {"messages": [U, {"role": "assistant", "content": "", **message}]})
    assert str(error.value) == f"{tmp_path}/rows.jsonl, line 1: {sentence} There is no other row."


def test_weights_and_thinking_are_kept(tmp_path: Path) -> None:
    (e,) = load(tmp_path, "text", {"messages": [U, A | {"weight": 0}, U, B]}).examples
    assert [x.get("weight") for x in e.messages or ()] == [None, 0, None, None]
    (e,) = load(tmp_path, "text", {"problem": "q", "thinking": "t", "solution": "a"}).examples
    assert contents(e.messages) == [("u", "q"), ("a", "<think>\nt\n</think>\n\na")]
