"""The newest groups of rollouts of a run, read from the end of its samples.jsonl as the file grows. No Qt."""

import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.rewards.answer import THINK_END, THINK_START, Answer
from core.rewards.kept_reasons import read_reasons

MAX_GROUPS = 240  # the newest groups are remembered
_TAIL_BYTES = 8 << 20  # at the end of a file, read when the file is opened


@dataclass(frozen=True)
class Rollout:
    """One answer of the model with its scores. `reward` is None where the answer could not be scored."""

    text: str
    reward: float | None
    advantage: float
    scores: dict[str, float] = field(default_factory=dict)  # of each reward, by name
    reasons: dict[str, str] = field(default_factory=dict)  # for these scores
    truncated: bool = False  # cut off at the longest answer that the run allows

    @property
    def visible(self) -> str:
        """The answer without its thinking."""
        return Answer(self.text).visible

    @property
    def thinking(self) -> str:
        """The thinking before the answer, "" where there is none."""
        end = self.text.rfind(THINK_END)
        if end < 0:
            return self.text.replace(THINK_START, "").strip() if THINK_START in self.text else ""
        return self.text[:end].replace(THINK_START, "").strip()


@dataclass(frozen=True)
class RolloutGroup:
    """A question with its answers, the best first. `is_used` is False where DAPO leaves the group out of a step."""

    step: int
    question: str
    expected: str
    rollouts: tuple[Rollout, ...]
    is_used: bool = True

    @property
    def rewards(self) -> list[float]:
        """The rewards of those answers that could be scored."""
        return [rollout.reward for rollout in self.rollouts if rollout.reward is not None]

    @property
    def mean(self) -> float:
        """The mean reward; 0 where no answer could be scored."""
        return sum(self.rewards) / len(self.rewards) if self.rewards else 0.0

    @property
    def flat(self) -> bool:
        """Whether all answers score the same, so that every advantage is zero."""
        return not self.rewards or max(self.rewards) - min(self.rewards) <= 1e-9


class RolloutReader:
    """Reads a samples.jsonl; each read() goes on where the last one ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.groups: deque[RolloutGroup] = deque(maxlen=MAX_GROUPS)  # the newest last
        self._offset = 0

    def read(self) -> bool:
        """Read the new lines; returns whether the file has changed. A file that became shorter is read anew."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return False
        if size < self._offset:
            self.groups.clear()
            self._offset = 0
        if size == self._offset:
            return False
        with self.path.open("rb") as file:
            if self._offset == 0 and size > _TAIL_BYTES:
                file.seek(size - _TAIL_BYTES)
                file.readline()  # the rest of a line
            else:
                file.seek(self._offset)
            while line := file.readline():
                if not line.endswith(b"\n"):
                    break  # still being written
                self._offset = file.tell()
                group = _parse_group(line)
                if group is not None:
                    self.groups.append(group)
        return True


def _parse_group(line: bytes) -> RolloutGroup | None:
    """The group in a line of samples.jsonl, or None where the line is broken."""
    try:
        row: dict[str, Any] = json.loads(line)
        rollouts = [
            Rollout(
                str(answer.get("text", "")),
                None if answer.get("reward") is None else float(answer["reward"]),
                float(answer.get("advantage", 0.0)),
                dict(answer.get("rewards", {})),
                read_reasons(answer),
                bool(answer.get("cut", False)),
            )
            for answer in row["answers"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    rollouts.sort(key=lambda rollout: float("-inf") if rollout.reward is None else rollout.reward, reverse=True)
    question, expected = str(row.get("prompt", "")), str(row.get("expected", ""))
    return RolloutGroup(int(row.get("step", 0)), question, expected, tuple(rollouts), bool(row.get("kept", True)))
