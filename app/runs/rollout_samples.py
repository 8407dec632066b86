"""The newest groups of answers of a run, read from the end of its samples.jsonl as it grows. No Qt."""

import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.rewards.answer import THINK_END, THINK_START, Answer

KEPT = 240  # groups remembered
_TAIL = 8 << 20  # bytes of a file that are read when it is opened


@dataclass(frozen=True)
class Reply:
    """One answer with its scores. `reward` is None where it could not be scored."""

    text: str
    reward: float | None
    advantage: float
    scores: dict[str, float] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def visible(self) -> str:
        """The answer without its thinking."""
        return Answer(self.text).visible

    @property
    def thinking(self) -> str:
        """What was thought before the answer, "" for nothing."""
        end = self.text.rfind(THINK_END)
        if end < 0:
            return self.text.replace(THINK_START, "").strip() if THINK_START in self.text else ""
        return self.text[:end].replace(THINK_START, "").strip()


@dataclass(frozen=True)
class Group:
    """A question with its answers, the best first. `kept` is False where nothing was learned from them."""

    step: int
    question: str
    expected: str
    replies: tuple[Reply, ...]
    kept: bool = True

    @property
    def rewards(self) -> list[float]:
        return [r.reward for r in self.replies if r.reward is not None]

    @property
    def mean(self) -> float:
        """The mean reward; 0 where none could be scored."""
        return sum(self.rewards) / len(self.rewards) if self.rewards else 0.0

    @property
    def flat(self) -> bool:
        """Whether all answers score the same, so that there is nothing to tell apart."""
        return not self.rewards or max(self.rewards) - min(self.rewards) <= 1e-9


class Groups:
    """Reads on from where it stopped, each time it is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: deque[Group] = deque(maxlen=KEPT)  # the newest last
        self._at = 0

    def read(self) -> bool:
        """Take in what has come; whether there was anything. A file that became shorter is read anew."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return False
        if size < self._at:
            self.found.clear()
            self._at = 0
        if size == self._at:
            return False
        with self.path.open("rb") as file:
            if self._at == 0 and size > _TAIL:
                file.seek(size - _TAIL)
                file.readline()  # the rest of a line
            else:
                file.seek(self._at)
            while line := file.readline():
                if not line.endswith(b"\n"):
                    break  # still being written
                self._at = file.tell()
                group = _group(line)
                if group is not None:
                    self.found.append(group)
        return True


def _group(line: bytes) -> Group | None:
    try:
        found: dict[str, Any] = json.loads(line)
        replies = [
            Reply(
                str(a.get("text", "")),
                None if a.get("reward") is None else float(a["reward"]),
                float(a.get("advantage", 0.0)),
                dict(a.get("rewards", {})),
                dict(a.get("why", {})),
                bool(a.get("cut", False)),
            )
            for a in found["answers"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    replies.sort(key=lambda r: float("-inf") if r.reward is None else r.reward, reverse=True)
    words = str(found.get("prompt", "")), str(found.get("expected", ""))
    return Group(int(found.get("step", 0)), *words, tuple(replies), bool(found.get("kept", True)))
