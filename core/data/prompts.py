"""Prompts for the model to answer: those of a dataset's rows, and those of a chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import BadModel


@dataclass(frozen=True)
class Prompt:
    """A row's question, tokenized up to where the answer begins, with the answer it has in the data."""

    text: str  # what a person reads
    tokens: tuple[int, ...]
    expected: str


def prompt_of(example: Any, tokenizer: Any, max_len: int) -> Prompt | None:
    """The question of a row and its expected answer; None for plain text and for prompts over max_len tokens."""
    if example.messages:
        turns = list(example.messages)
        while turns and turns[-1].get("role") == "assistant":
            turns.pop()
        answers = example.messages[len(turns) :]
        if not turns or not answers:
            return None
        shown, expected = str(turns[-1].get("content") or ""), str(answers[0].get("content") or "")
        tokens = chat_tokens(turns, tokenizer)
    elif example.prompt is not None:
        shown, expected = example.prompt, example.completion or ""
        tokens = tokenizer(example.prompt)["input_ids"]
    else:
        return None
    return Prompt(shown, tuple(tokens), expected) if 0 < len(tokens) <= max_len else None


def chat_tokens(messages: Sequence[dict[str, Any]], tokenizer: Any) -> list[int]:
    """The tokens of a conversation up to where the next answer begins. Without a template: the plain last turn."""
    if not messages:
        raise BadModel("There is nothing to answer.")
    if tokenizer.chat_template is None:
        return list(tokenizer(str(messages[-1]["content"]))["input_ids"])
    text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
