"""What a reward gets, an Answer, and what it returns, a Score."""

from collections.abc import Callable
from dataclasses import dataclass

THINK_START, THINK_END = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One completion of a prompt, as the rewards see it."""

    text: str  # all of the completion, thinking included, without its stop token
    expected: str = ""  # what to check against; empty where the data has none
    prompt: str = ""  # the last user message
    tokens: int = 0  # how many tokens the completion has
    truncated: bool = False  # it reached the maximum length before it ended
    line: int = 0  # the line of the prompt in its file
    thinking_opened: bool = False  # the chat template put <think> at the end of the prompt: `text` has </think> alone

    @property
    def visible(self) -> str:
        """The answer without its thinking; "" where the thinking was not finished."""
        if THINK_END in self.text:
            return self.text.rpartition(THINK_END)[2].strip()
        return "" if self.thinking_opened or THINK_START in self.text else self.text.strip()


@dataclass(frozen=True, slots=True)
class Score:
    """What a reward gives to one answer."""

    value: float  # usually from 0 to 1; the weight is applied later
    reason: str  # in words, for people


@dataclass(frozen=True)
class RewardSettings:
    """What some rewards need to know besides the answer; the reward that reads it stands behind each field."""

    pattern: str = ""  # regex
    tags: tuple[str, ...] = ()  # tags
    length: int = 128  # length, in tokens
    file: str = ""  # file
    seconds: float = 10.0  # file: time limit of one call
    allow_code: bool = False  # file: a yes to the file as it is now (core.trust)


@dataclass(frozen=True)
class Reward:
    """One way to score an answer. `sentence` says to people what it checks."""

    title: str
    sentence: str
    score: Callable[[Answer, RewardSettings], Score] | None  # None: scored in a process of its own, see file.py
    needs_expected: bool = False  # whether it cannot score an answer without `expected`
