"""The chat templates to choose from: each is masked exactly, with one turn and with several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.data.format.example import Example
from core.data.tokenize.encode import encode_example
from core.data.tokenize.templates import CHAT_TEMPLATES, set_chat_template
from core.errors import BadOption
from tests.core.data.conftest import make_tokenizer

EXPECTED = {
    "chatml": "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>\n]"
    "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n[d<|im_end|>\n]",
    "llama3": "<s><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n[b<|eot_id|>]"
    "<|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n[d<|eot_id|></s>]",
    "gemma": "<s><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\n[b<end_of_turn>\n]"
    "<start_of_turn>user\nc<end_of_turn>\n<start_of_turn>model\n[d<end_of_turn>\n</s>]",
    "plain": "<s>User: a\n\nAssistant:[ b</s>]\n\nUser: c\n\nAssistant:[ d</s>]",
}

# Where the tokenizer has not the template's marks, </s> ends the last answer.
NOTES = {
    name: f"The chat template writes {end} spelled out behind an answer; </s> was added, to learn to stop."
    for name, end in (("llama3", "<|eot_id|>"), ("gemma", "<end_of_turn>"))
}


@pytest.mark.parametrize("name", CHAT_TEMPLATES)
def test_every_choice_is_masked_exactly(name: str, marked: Callable[[Any, Any], str]) -> None:
    tokenizer = make_tokenizer(None)
    set_chat_template(tokenizer, name)
    texts = zip(("user", "assistant") * 2, "abcd", strict=True)
    example = Example(1, messages=tuple({"role": role, "content": text} for role, text in texts))
    (row,) = encode_example(example, tokenizer, train_on="answers", max_len=999)
    assert marked(row, tokenizer) == EXPECTED[name]
    assert row.note == NOTES.get(name, "")


def test_marks_that_the_model_does_not_know_are_told() -> None:
    assert set_chat_template(make_tokenizer(None), "chatml") == ""
    assert set_chat_template(make_tokenizer(None), "plain") == ""
    assert set_chat_template(make_tokenizer(None), "llama3") == (
        "The model has no token <|start_header_id|>; it is spelled out, which is learned more slowly. "
        "Plain words suit it."
    )


def test_a_template_from_a_file(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(None)
    (tmp_path / "own.jinja").write_text("{{ messages }}")
    assert set_chat_template(tokenizer, str(tmp_path / "own.jinja")) == ""
    assert tokenizer.chat_template == "{{ messages }}"
    with pytest.raises(BadOption) as error:
        set_chat_template(tokenizer, str(tmp_path / "none.jinja"))
    unreadable = "cannot be read: there is no such file or folder."
    assert str(error.value) == f"The chat template {tmp_path}/none.jinja {unreadable}"
    with pytest.raises(BadOption) as error:
        set_chat_template(tokenizer, "vicuna")
    assert str(error.value) == (
        "There is no chat template 'vicuna'; there are chatml, llama3, gemma, plain, or a .jinja file."
    )
