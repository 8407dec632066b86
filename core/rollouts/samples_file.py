"""samples.jsonl: one line of JSON for each prompt and its group of completions.

A run can be given such a file to learn from instead of sampling (--replay), and a resumed run takes the completions
that it was learning from out of its own.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import BadData
from core.rewards.kept_reasons import keep_reasons, read_reasons
from core.text.reasons import reason
from core.text.sentence import say

OVERLONG = "overlong"  # among the scores: the soft penalty of a long completion, which is in its reward


@dataclass(frozen=True)
class Rollout:
    """One completion with its scores."""

    ids: tuple[int, ...]  # tokens of the completion
    reward: float  # NaN where the completion could not be scored
    logps: tuple[float, ...] | None = None  # of each token, by the model that sampled it; None: not known
    text: str = ""
    truncated: bool = False
    entropy: float = 0.0  # mean over the tokens, in nats
    scores: Mapping[str, float] = field(default_factory=dict)  # by name of the reward
    reasons: Mapping[str, str] = field(default_factory=dict)  # of the scores, for people
    advantage: float = 0.0


@dataclass(frozen=True)
class RolloutGroup:
    """A prompt and its group of completions."""

    step: int  # the first optimizer step that learns from it
    prompt_ids: tuple[int, ...]
    rollouts: tuple[Rollout, ...]
    prompt: str = ""
    expected: str = ""
    line: int = 0  # in the dataset's file
    row: int = 0  # index of the prompt in the training set
    trained_on: bool = True  # False: the group was dropped and replaced; "kept" in the file

    @property
    def rewards(self) -> list[float]:
        """The reward of every completion, NaN where there is none."""
        return [rollout.reward for rollout in self.rollouts]

    @property
    def unpenalized_rewards(self) -> list[float]:
        """The same without the soft penalty of long completions."""
        return [rollout.reward - rollout.scores.get(OVERLONG, 0.0) for rollout in self.rollouts]

    def to_json(self) -> str:
        """One line, without the line break. Log-probabilities keep the nine digits that make a float32."""
        answers = [
            {
                "text": rollout.text,
                "reward": None if math.isnan(rollout.reward) else rollout.reward,
                "advantage": rollout.advantage,
                "rewards": dict(rollout.scores),
                **keep_reasons(rollout.reasons),
                "cut": rollout.truncated,
                "entropy": rollout.entropy,
                "ids": rollout.ids,
                "logps": None if rollout.logps is None else [float(f"{x:.9g}") for x in rollout.logps],
            }
            for rollout in self.rollouts
        ]
        record = {"step": self.step, "line": self.line, "row": self.row, "kept": self.trained_on, "prompt": self.prompt}
        record |= {"expected": self.expected, "prompt_ids": self.prompt_ids, "answers": answers}
        return json.dumps(record, ensure_ascii=False, allow_nan=False)


def read_samples(path: Path, vocabulary: int | None = None, skip_damaged: bool = False) -> Iterator[RolloutGroup]:
    """The group of every complete line. Raises BadData naming file and line where a line lacks what is needed.

    `skip_damaged` leaves such lines out instead.

    A last line without its line break was cut off by a crash and is left out. Needed are `prompt_ids` and, of each
    answer, `ids` and `reward`; all ids must be below `vocabulary`.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.endswith("\n") and line.strip():
                    try:
                        group = parse_group(line, f"{path}, line {number}", vocabulary)
                    except BadData:
                        if skip_damaged:
                            continue
                        raise
                    yield group
    except OSError as error:
        raise BadData(say("{path} cannot be read: {reason}.", path=path, reason=error)) from None
    except UnicodeDecodeError:
        raise BadData(say("{path} is no text file.", path=path)) from None


def groups_by_step(groups: Iterable[RolloutGroup]) -> list[list[RolloutGroup]]:
    """The groups that were trained on, in one list for each sampling, in the order in which they were learned from."""
    by_step: dict[int, list[RolloutGroup]] = {}
    for group in groups:
        if group.trained_on:
            by_step.setdefault(group.step, []).append(group)
    return list(by_step.values())


def parse_group(line: str, location: str, vocabulary: int | None = None) -> RolloutGroup:
    """The group of one line. Raises BadData; `location` begins its sentence."""
    try:
        record = json.loads(line, parse_float=_finite, parse_constant=_finite)
        rollouts = tuple(_parse_rollout(answer) for answer in record["answers"])
        prompt_ids = tuple(int(i) for i in record["prompt_ids"])
        step = int(record.get("step", 0))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        is_lacking = isinstance(error, KeyError)
        defect = reason(error) if is_lacking else say("it is not in the form of samples.jsonl")
        raise BadData(
            say("{location} holds no recorded answers: {defect}.", location=location, defect=defect)
        ) from None
    if not prompt_ids or not rollouts or not all(rollout.ids for rollout in rollouts):
        raise BadData(say("{location}: a question without tokens, or an answer without any.", location=location))
    if any(rollout.logps is not None and len(rollout.logps) != len(rollout.ids) for rollout in rollouts):
        raise BadData(say("{location}: an answer has more tokens than log-probabilities, or fewer.", location=location))
    sequences = (prompt_ids, *(rollout.ids for rollout in rollouts))
    most = 1 << 31 if vocabulary is None else vocabulary
    if any(min(ids) < 0 or max(ids) >= most for ids in sequences):
        raise BadData(
            say(
                "{location}: a token that this model does not have; the answers are another model's.", location=location
            )
        )
    optional = {name: record[name] for name in ("prompt", "expected", "line", "row") if name in record}
    if "kept" in record:
        optional["trained_on"] = record["kept"]
    return RolloutGroup(step, prompt_ids, rollouts, **optional)


def _finite(text: str) -> float:
    """A number of the file, which is never written as NaN or infinity."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number")
    return value


def _parse_rollout(answer: Mapping[str, Any]) -> Rollout:
    logps = answer.get("logps")
    return Rollout(
        ids=tuple(int(i) for i in answer["ids"]),
        reward=math.nan if answer["reward"] is None else float(answer["reward"]),
        logps=None if logps is None else tuple(float(x) for x in logps),
        text=str(answer.get("text", "")),
        truncated=bool(answer.get("cut", False)),
        entropy=float(answer.get("entropy", 0.0)),
        scores={str(name): float(value) for name, value in answer.get("rewards", {}).items()},
        reasons=read_reasons(answer),
    )
