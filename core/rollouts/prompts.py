"""The prompts of a dataset: what the model completes, and what its completions are checked against."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Example
from core.data.tokenize.encode import encode_prompt


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model sees it. `expected` never stands in `tokens`."""

    line: int  # in the dataset's file
    tokens: tuple[int, ...]
    text: str  # for people: the last user message
    expected: str  # "" where the data has nothing to check against


def build_prompts(examples: Iterable[Example], tokenizer: Any) -> list[Prompt]:
    """The prompt of every example that asks something, rendered by the chat template up to where the answer begins."""
    prompts = []
    for example in examples:
        question = encode_prompt(example, tokenizer)
        if question is not None and question.tokens:
            prompts.append(Prompt(example.line, question.tokens, question.prompt, question.expected))
    return prompts
