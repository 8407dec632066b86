"""What a reward sees, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass

THINK_START, THINK_END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that a model wrote to a question. `text` is all of it, thinking included, without its stop token."""

    text: str
    expected: str = ""  # what to check against; empty where the data has none
    prompt: str = ""  # the last thing asked
    tokens: int = 0
    cut: bool = False  # it was still being written when it reached the longest allowed length
    line: int = 0  # of the question in its file
    opened: bool = False  # the chat template has opened the thought in the prompt, so that the text holds its end alone

    @property
    def visible(self) -> str:
        """The answer without its thinking. An unfinished thought leaves nothing."""
        if THINK_END in self.text:
            return self.text.rpartition(THINK_END)[2].strip()
        return "" if self.opened or THINK_START in self.text else self.text.strip()


@dataclass(frozen=True, slots=True)
class Score:
    """A number, usually from 0 to 1, and the reason in words."""

    value: float
    why: str


@dataclass(frozen=True)
class RewardSettings:
    """What some rewards need to know besides the answer."""

    pattern: str = ""  # regex
    tags: tuple[str, ...] = ()  # tags
    length: int = 128  # length, in tokens
    file: str = ""  # file
    seconds: float = 10.0  # file: longest time for one call


@dataclass(frozen=True)
class Reward:
    """One way to score an answer. `sentence` says what it checks."""

    title: str
    sentence: str
    score: Callable[[Answer, RewardSettings], Score] | None  # None: scored by a process of its own (see file.py)
    needs_expected: bool = False
