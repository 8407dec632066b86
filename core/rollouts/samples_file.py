"""What was asked and answered, as it stands in samples.jsonl: one line of JSON for each question and its answers.

A run can be given such a file to learn from instead of asking (--replay), and a resumed run takes the answers
that it is in the middle of learning from out of its own.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BadData


@dataclass(frozen=True)
class Rollout:
    """One answer with its scores. `reward` is NaN where the answer could not be scored."""

    ids: tuple[int, ...]
    reward: float
    logps: tuple[float, ...] | None = None  # of each token, by the model that wrote it; None: not known
    text: str = ""
    cut: bool = False
    entropy: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    advantage: float = 0.0


@dataclass(frozen=True)
class RolloutGroup:
    """A question and its group of answers. `kept` is False where the group was thrown away and replaced."""

    step: int  # the first optimizer step that learns from it
    prompt_ids: tuple[int, ...]
    replies: tuple[Rollout, ...]
    prompt: str = ""
    expected: str = ""
    line: int = 0  # in the dataset's file
    row: int = 0  # which question of the training set
    kept: bool = True

    @property
    def rewards(self) -> list[float]:
        return [r.reward for r in self.replies]

    def to_json(self) -> str:
        """One line, without the line break. Log-probabilities keep the nine digits that make a float32."""
        answers = [
            {
                "text": r.text,
                "reward": None if math.isnan(r.reward) else r.reward,
                "advantage": r.advantage,
                "rewards": dict(r.scores),
                "why": dict(r.why),
                "cut": r.cut,
                "entropy": r.entropy,
                "ids": r.ids,
                "logps": None if r.logps is None else [float(f"{x:.9g}") for x in r.logps],
            }
            for r in self.replies
        ]
        about = {"step": self.step, "line": self.line, "row": self.row, "kept": self.kept, "prompt": self.prompt}
        about |= {"expected": self.expected, "prompt_ids": self.prompt_ids, "answers": answers}
        return json.dumps(about, ensure_ascii=False, allow_nan=False)


def read_samples(path: Path, vocabulary: int | None = None) -> Iterator[RolloutGroup]:
    """Every complete line. Raises BadData naming file and line where one does not hold what is needed.

    A last line without its line break was cut off by a crash and is left out. Needed are `prompt_ids` and, of each
    answer, `ids` and `reward`; all ids must be below `vocabulary`.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.endswith("\n") and line.strip():
                    yield _asked(line, f"{path}, line {number}", vocabulary)
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadData(f"{path} is no text file.") from None


def groups_by_step(asked: Iterable[RolloutGroup]) -> list[list[RolloutGroup]]:
    """The kept groups of each set of answers, in the order in which they were learned from."""
    found: dict[int, list[RolloutGroup]] = {}
    for group in asked:
        if group.kept:
            found.setdefault(group.step, []).append(group)
    return list(found.values())


def _asked(line: str, where: str, vocabulary: int | None) -> RolloutGroup:
    try:
        found = json.loads(line)
        replies = tuple(_reply(a) for a in found["answers"])
        prompt = tuple(int(i) for i in found["prompt_ids"])
        step = int(found.get("step", 0))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        lacks = f"it lacks {error}" if isinstance(error, KeyError) else "it is not in the form of samples.jsonl"
        raise BadData(f"{where} holds no recorded answers: {lacks}.") from None
    if not prompt or not replies or not all(r.ids for r in replies):
        raise BadData(f"{where}: a question without tokens, or an answer without any.")
    if any(r.logps is not None and len(r.logps) != len(r.ids) for r in replies):
        raise BadData(f"{where}: an answer has more tokens than log-probabilities, or fewer.")
    every = np.fromiter((i for ids in (prompt, *(r.ids for r in replies)) for i in ids), np.int64)
    if every.min() < 0 or (vocabulary is not None and every.max() >= vocabulary):
        raise BadData(f"{where}: a token that this model does not have; the answers are another model's.")
    about = {name: found[name] for name in ("prompt", "expected", "line", "row", "kept") if name in found}
    return RolloutGroup(step, prompt, replies, **about)


def _reply(a: Mapping[str, Any]) -> Rollout:
    logps = a.get("logps")
    return Rollout(
        ids=tuple(int(i) for i in a["ids"]),
        reward=math.nan if a["reward"] is None else float(a["reward"]),
        logps=None if logps is None else tuple(float(x) for x in logps),
        text=str(a.get("text", "")),
        cut=bool(a.get("cut", False)),
        entropy=float(a.get("entropy", 0.0)),
        scores={str(k): float(v) for k, v in a.get("rewards", {}).items()},
        why={str(k): str(v) for k, v in a.get("why", {}).items()},
    )
