"""What the previewer shows is what the trainer uses."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.data.format.example import Example
from core.data.preview.inspect import find_dropped, inspect_example, summarize_dataset, token_texts
from core.data.tokenize.encode import encode_example
from core.data.tokenize.templates import CHAT_TEMPLATES
from tests.core.data.conftest import CHATML, make_tokenizer

ROW = Example(3, messages=({"role": "user", "content": "Hi ☃"}, {"role": "assistant", "content": "Yo é"}))


@pytest.mark.parametrize("train_on", ["answers", "last", "all"])
@pytest.mark.parametrize("max_len", [5, 30, 999])
def test_tokens_and_mask_are_those_of_encode(tokenizer: Any, train_on: str, max_len: int) -> None:
    (row,) = encode_example(ROW, tokenizer, train_on=train_on, max_len=max_len)
    (view,) = inspect_example(ROW, tokenizer, train_on=train_on, max_len=max_len)
    tokens = [t for t in view.tokens if not t.cut]
    assert [t.id for t in tokens] == row.tokens.tolist()
    assert [t.learned for t in tokens] == [bool(m) for m in row.mask]
    assert (view.line, view.count, view.learned, view.cut) == (3, len(row.tokens), int(row.mask.sum()), row.cut)
    assert sum(t.cut for t in view.tokens) == row.cut
    assert not any(t.learned for t in view.tokens if t.cut)


def test_the_texts_join_to_the_whole_and_characters_stay_whole(tokenizer: Any) -> None:
    (view,) = inspect_example(ROW, tokenizer, train_on="answers", max_len=999)
    assert "".join(t.text for t in view.tokens) == (
        "<|im_start|>user\nHi ☃<|im_end|>\n<|im_start|>assistant\nYo é<|im_end|>\n"
    )
    assert [t.text for t in view.tokens][8:12] == [" ", "", "", "☃"]
    assert [t.text for t in view.tokens if t.special] == ["<|im_start|>", "<|im_end|>"] * 2


def test_bytes_that_are_no_text_do_not_swallow_what_follows() -> None:
    tokenizer = make_tokenizer(CHATML)
    a, high = tokenizer("a").input_ids[0], tokenizer("☃").input_ids[0]
    texts = token_texts([high, high, high, high, high, a, a], tokenizer)
    assert "".join(texts) == "\ufffd" * 5 + "aa"
    assert texts[-1] == "a"


def test_the_summary_is_json_and_counts(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "aaaa"}\n\n{"text": ""}\n{"text": "aaaaaaaa"}\n{"text": ""}\n')
    summary = json.loads(json.dumps(summarize_dataset(path, "text", tokenizer, max_len=6)))
    assert (summary["format"], summary["rows"], summary["usable"]) == ("Plain text, 4 rows: text.", 4, 2)
    assert summary["problems"] == {"blank": 1, "empty": 2}
    assert summary["left_out"] == 2
    assert summary["findings"][0] == {
        "code": "blank",
        "severity": "note",
        "file": str(path),
        "line": 2,
        "message": "This line is blank.",
        "fix": "Blank lines are skipped.",
        "row": None,
    }
    assert summary["lengths"] == {
        "shortest": 5,
        "median": 7,
        "longest": 9,
        "max_len": 6,
        "cut": 1,
        "nothing_learned": 0,
        "looked_at": 4,
    }
    assert "lengths" not in summarize_dataset(path, "text")


PROMPT = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"})
YES, NO = ({"role": "assistant", "content": "yes ☃"},), ({"role": "assistant", "content": "no"},)
KINDS = {
    "text": Example(1, messages=(*PROMPT, *YES)),
    "plain": Example(1, text="some ☃ text"),
    "pairs": Example(1, messages=PROMPT, chosen=YES, rejected=NO),
    "raw pairs": Example(1, prompt="Hi", chosen=" yes", rejected=" no"),
    "thumbs": Example(1, messages=(*PROMPT, *YES), label=True),
    "questions": Example(1, messages=PROMPT, answer="yes"),
}


@pytest.mark.parametrize("template", [None, *(choice.text for choice in CHAT_TEMPLATES.values())])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("max_len", [14, 999])
def test_the_preview_of_every_kind_is_what_is_trained(template: str | None, kind: str, max_len: int) -> None:
    tokenizer = make_tokenizer(template)
    rows = encode_example(KINDS[kind], tokenizer, train_on="answers", max_len=max_len)
    views = inspect_example(KINDS[kind], tokenizer, train_on="answers", max_len=max_len)
    assert len(rows) == len(views) == (2 if "pairs" in kind else 1)
    for row, view in zip(rows, views, strict=True):
        assert [(t.id, t.learned) for t in view.tokens if not t.cut] == list(
            zip(row.tokens.tolist(), row.mask.astype(bool).tolist(), strict=True)
        )
        assert (view.cut, view.note, view.learned) == (row.cut, row.note, int(row.mask.sum()))
        assert "".join(t.text for t in view.tokens) == tokenizer.decode([t.id for t in view.tokens])


def test_the_parts_that_the_template_drops_are_found_for_both_answers_of_a_pair(tokenizer: Any) -> None:
    function = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    asked, plain = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}
    pair = Example(1, messages=(asked,), chosen=(plain,), rejected=({**plain, "thinking": "Hm."},), tools=(function,))
    chosen, rejected = find_dropped(pair, tokenizer)
    assert [(part.kind, part.message) for part in chosen] == [("offered functions", None)]
    assert [(part.kind, part.message) for part in rejected] == [("offered functions", None), ("thinking", 1)]
    assert find_dropped(ROW, tokenizer) == ((),)


def test_without_a_chat_template_all_but_the_texts_is_dropped() -> None:
    tokenizer = make_tokenizer(None)
    function = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    messages = (
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yo", "thinking": "Hm.", "tool_calls": [call]},
    )
    example = Example(1, messages=messages, tools=(function,))
    (dropped,) = find_dropped(example, tokenizer)
    assert [(p.kind, p.message) for p in dropped] == [
        ("offered functions", None),
        ("thinking", 2),
        ("function calls", 2),
    ]
    (view,) = inspect_example(example, tokenizer, train_on="answers", max_len=999)
    assert "Plain text does not write the offered functions: the model never sees that part." in view.note
    assert find_dropped(ROW, tokenizer) == ((),)
