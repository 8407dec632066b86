"""What is asked: the prompts of a dataset's questions, and what their answers are checked against."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Example
from core.data.tokenize.encode import encode_prompt


@dataclass(frozen=True, slots=True)
class Query:
    """A question as the model sees it. `expected` never stands in `tokens`."""

    line: int
    tokens: tuple[int, ...]
    prompt: str  # for people: the last thing asked
    expected: str


def queries(examples: Iterable[Example], tokenizer: Any) -> list[Query]:
    """Every example that asks something, written with the model's chat template up to where its answer begins."""
    found = []
    for example in examples:
        question = encode_prompt(example, tokenizer)
        if question is not None and question.tokens:
            found.append(Query(example.line, question.tokens, question.prompt, question.expected))
    return found
