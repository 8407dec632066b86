"""What is asked: the prompts of a dataset's questions, and what their answers are checked against."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Example
from core.data.tokenize.encode import ask


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question as the model sees it. `expected` never stands in `tokens`."""

    line: int
    tokens: tuple[int, ...]
    prompt: str  # for people: the last thing asked
    expected: str


def build_prompts(examples: Iterable[Example], tokenizer: Any) -> list[Prompt]:
    """Every example that asks something, written with the model's chat template up to where its answer begins."""
    found = []
    for example in examples:
        question = ask(example, tokenizer)
        if question is not None and question.tokens:
            found.append(Prompt(example.line, question.tokens, question.prompt, question.expected))
    return found
