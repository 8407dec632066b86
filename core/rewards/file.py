"""A person's own reward: one function in a Python file, called in a process of its own.

    def reward(answers, expected):          # any of: answers, expected, prompts, thinking, tokens
        return [float(e in a) for a, e in zip(answers, expected)]

It gets lists of equal length and returns as many numbers. A mistake in it does not harm the run: it has a process of
its own, a time limit for each call and a limit of memory, and when it fails, one sentence says where and at which row.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core import trust
from core.errors import Unavailable
from core.rewards.answer import Answer, Reward
from core.rewards.process import ProcessFailed, RewardProcess, TooLong, read_sentence
from core.text.sentence import say

START_SECONDS = 30.0  # for Python to start and the file to be imported
MAX_DEATHS = 3  # times that the process may end by itself, or take too much memory, before the run ends
REPLY_BYTES = 512  # bytes of a reply for each score at most
LARGEST = 1e12  # a larger score has no squares and sums that a metric could hold

REWARD = Reward("Your own file", "A function in your own Python file scores the answers.", None)


class RewardFileFailed(Exception):
    """The function gave no usable scores for these answers; the sentence says why, and where."""


class FileReward:
    """The process that runs a person's reward function. It starts on first use, and again after it had to be ended."""

    def __init__(self, path: Path, seconds: float, allow_code: bool = False) -> None:
        """`allow_code` is a yes to the file as it is now. Raises BadOption without one, and where there is no file."""
        self.path, self.seconds = path, seconds
        trust.require(trust.reward_code(path), allow_code)
        self._process: RewardProcess | None = None
        self._deaths = 0

    def scores(self, answers: Sequence[Answer]) -> list[float]:
        """One finite number for each answer.

        Raises RewardFileFailed where the function does not give them in time, Unavailable when its process has ended
        MAX_DEATHS times, and BadOption when the file has changed since it was allowed and has to be read again.
        """
        if self._process is None:
            trust.require(trust.reward_code(self.path), yes=False)  # it may have changed meanwhile
            self._process = RewardProcess(self.path, memory_limit())
            self._check(self._call(lambda process: process.load(START_SECONDS), say("while it was loaded")))
        rows = [
            {
                "answers": a.visible,
                "expected": a.expected,
                "prompts": a.prompt,
                "thinking": a.text.removesuffix(a.visible),
                "tokens": a.tokens,
                "line": a.line,
            }
            for a in answers
        ]
        longest = REPLY_BYTES * (len(rows) + 64)
        reply = self._call(lambda p: p.request({"rows": rows}, self.seconds, longest), _describe_rows(answers))
        self._check(reply, ends=False)
        return [self._check_number(n, a) for n, a in zip(reply["scores"], answers, strict=True)]

    def _call(self, call: Callable[[RewardProcess], dict[str, Any]], context: str) -> dict[str, Any]:
        """The reply of the process; `context` continues the sentence of an error."""
        assert self._process is not None
        try:
            return call(self._process)
        except TooLong as error:
            self._process = None
            raise RewardFileFailed(
                say("{name} {error} {context}.", name=self.path.name, error=error, context=context)
            ) from None
        except ProcessFailed as error:
            self._process = None
            self._deaths += 1
            sentence = say("{name} {error} {context}.", name=self.path.name, error=error, context=context)
            if self._deaths == MAX_DEATHS:
                raise Unavailable(
                    say(
                        "{sentence} This was the {count}rd time: the run ends here.",
                        sentence=sentence,
                        count=MAX_DEATHS,
                    )
                ) from None
            raise RewardFileFailed(sentence) from None

    def _check(self, reply: dict[str, Any], ends: bool = True) -> None:
        """Raises RewardFileFailed with the error that the reply tells; the process is ended then if asked for."""
        if "error" in reply:
            if ends:
                self.close()
            raise RewardFileFailed(read_sentence(reply["error"]))

    def _check_number(self, value: Any, answer: Answer) -> float:
        if isinstance(value, int | float) and abs(value) <= LARGEST:
            return float(value)
        description = say("no finite number") if value is None else repr(value)[:40]
        sentence = say(
            "{name} gave {description} as the score of an answer to row {line}",
            name=self.path.name,
            description=description,
            line=answer.line,
        )
        limits = (
            say("; it may lie between -{largest:g} and {largest:g}", largest=LARGEST)
            if isinstance(value, int | float)
            else ""
        )
        raise RewardFileFailed(sentence + limits + ".")

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()


def memory_limit() -> int:
    """Bytes of memory that a reward file and all that it starts may take: half of the machine's."""
    import psutil

    return int(psutil.virtual_memory().total) // 2


def _describe_rows(answers: Sequence[Answer]) -> str:
    rows = sorted({a.line for a in answers})
    row_list = ", ".join(map(str, rows[:4])) + (", ..." if len(rows) > 4 else "")
    if len(rows) == 1:
        return say("at the answers to row {row}", row=row_list)
    return say("at the answers to rows {rows}", rows=row_list)
