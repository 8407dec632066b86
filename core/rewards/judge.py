"""Several rewards together: every answer's scores, their weighted sum, and what a person should know."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from core.errors import BadOption
from core.rewards import REWARDS
from core.rewards.answer import Answer, RewardSettings, Score
from core.rewards.file import FileReward, RewardFileFailed


@dataclass(frozen=True)
class ScoredAnswer:
    """What the rewards say of one answer. `total` is None when one of them could not score it."""

    total: float | None
    scores: dict[str, Score] = field(default_factory=dict)  # by reward, before the weight


@dataclass(frozen=True)
class ScoringResult:
    """One verdict for each answer, and the sentence of what failed, if anything did."""

    verdicts: tuple[ScoredAnswer, ...]
    problem: str = ""


class RewardScorer:
    """Scores answers by several rewards. Close it at the end: a person's own file runs in a process of its own.

    Raises BadOption when a reward lacks what it needs.
    """

    def __init__(self, weights: Mapping[str, float], settings: RewardSettings | None = None) -> None:
        self.weights, self.settings = dict(weights), settings or RewardSettings()
        check_rewards(self.weights, self.settings)
        own = "file" in self.weights
        self._file = FileReward(Path(self.settings.file).expanduser(), self.settings.seconds) if own else None

    def needs_expected_for(self, name: str) -> bool:
        """Whether a reward cannot score an answer without one to check against."""
        return REWARDS[name].needs_expected

    def __call__(self, answers: Sequence[Answer]) -> ScoringResult:
        """Every answer's verdict. A person's own file that fails costs its answers their verdict, not the run."""
        found: dict[str, list[Score]] = {}
        problem = ""
        for name in self.weights:
            score = REWARDS[name].score
            if score is not None:
                found[name] = [score(a, self.settings) for a in answers]
        if self._file is not None and answers:
            try:
                found["file"] = [Score(n, self._file.path.name) for n in self._file.scores(answers)]
            except RewardFileFailed as error:
                problem = str(error)
        verdicts = []
        for i in range(len(answers)):
            scores = {name: found[name][i] for name in self.weights if name in found}
            total = sum(self.weights[name] * s.value for name, s in scores.items())
            verdicts.append(ScoredAnswer(None if problem else total, scores))
        return ScoringResult(tuple(verdicts), problem)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> "RewardScorer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def check_rewards(weights: Mapping[str, float], settings: RewardSettings) -> None:
    """Raises BadOption when a reward lacks what it needs, or a setting belongs to a reward that is not asked for."""
    for name, flag, value in (
        ("regex", "--reward-pattern", settings.pattern),
        ("tags", "--reward-tags", settings.tags),
        ("file", "--reward-file", settings.file),
    ):
        if name in weights and not value:
            raise BadOption(f"The reward {name!r} needs {flag}.")
        if value and name not in weights:
            raise BadOption(f"{flag} does nothing without the reward {name!r}: name it in --rewards.")
    try:
        re.compile(settings.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadOption(f"--reward-pattern is no regular expression: {error}.") from None


def score_answers(weights: Mapping[str, float], settings: RewardSettings, answers: Sequence[Answer]) -> ScoringResult:
    """Try the rewards on some answers. Raises BadOption as Judge does."""
    with RewardScorer(weights, settings) as judge:
        return judge(answers)
