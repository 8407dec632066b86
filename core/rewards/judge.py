"""Several rewards together: the scores of every answer and their weighted sum."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from core.errors import BadOption
from core.rewards import REWARDS
from core.rewards.answer import Answer, RewardSettings, Score
from core.rewards.file import FileReward, RewardFileFailed
from core.text.sentence import say


@dataclass(frozen=True)
class ScoredAnswer:
    """The scores of one answer. `total` is None when one of the rewards could not score it."""

    total: float | None  # weighted sum of the scores
    scores: dict[str, Score] = field(default_factory=dict)  # by name of the reward, before the weight


@dataclass(frozen=True)
class ScoringResult:
    """The scores of some answers, in their order."""

    scored_answers: tuple[ScoredAnswer, ...]
    problem: str = ""  # a sentence when a person's reward file failed


class RewardScorer:
    """Scores answers by several rewards. Close it at the end: a person's reward file runs in a process of its own."""

    def __init__(self, weights: Mapping[str, float], settings: RewardSettings | None = None) -> None:
        """`weights` is {name of a reward: its weight}. Raises BadOption when a reward lacks a setting it needs,
        and for a reward file that is not allowed to run."""
        self.weights, self.settings = dict(weights), settings or RewardSettings()
        check_rewards(self.weights, self.settings)
        self._file_reward: FileReward | None = None
        if "file" in self.weights:
            self._file_reward = FileReward(
                Path(self.settings.file).expanduser(), self.settings.seconds, self.settings.allow_code
            )

    def needs_expected_for(self, name: str) -> bool:
        """Whether a reward cannot score an answer without one to check against."""
        return REWARDS[name].needs_expected

    def __call__(self, answers: Sequence[Answer]) -> ScoringResult:
        """Score every answer. When a person's reward file fails, the answers have no total, and the run goes on."""
        scores_by_reward: dict[str, list[Score]] = {}
        problem = ""
        for name in self.weights:
            score = REWARDS[name].score
            if score is not None:
                scores_by_reward[name] = [score(answer, self.settings) for answer in answers]
        if self._file_reward is not None and answers:
            try:
                values = self._file_reward.scores(answers)
                scores_by_reward["file"] = [Score(value, self._file_reward.path.name) for value in values]
            except RewardFileFailed as error:
                problem = str(error)
        scored_answers = []
        for i in range(len(answers)):
            scores = {name: scores_by_reward[name][i] for name in self.weights if name in scores_by_reward}
            total = sum(self.weights[name] * score.value for name, score in scores.items())
            scored_answers.append(ScoredAnswer(None if problem else total, scores))
        return ScoringResult(tuple(scored_answers), problem)

    def close(self) -> None:
        """End the process of a person's reward file."""
        if self._file_reward is not None:
            self._file_reward.close()

    def __enter__(self) -> "RewardScorer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_rewards(weights: Mapping[str, float], settings: RewardSettings) -> None:
    """Raises BadOption when a reward lacks a setting it needs, or a setting belongs to a reward that is not used."""
    for name, flag, value in (
        ("regex", "--reward-pattern", settings.pattern),
        ("tags", "--reward-tags", settings.tags),
        ("file", "--reward-file", settings.file),
    ):
        if name in weights and not value:
            raise BadOption(say("The reward {name!r} needs {flag}.", name=name, flag=flag))
        if value and name not in weights:
            raise BadOption(
                say("{flag} does nothing without the reward {name!r}: name it in --rewards.", flag=flag, name=name)
            )
    try:
        re.compile(settings.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadOption(say("--reward-pattern is no regular expression: {reason}.", reason=error)) from None


def score_answers(weights: Mapping[str, float], settings: RewardSettings, answers: Sequence[Answer]) -> ScoringResult:
    """Score some answers once, to try rewards out. Raises BadOption as RewardScorer does."""
    with RewardScorer(weights, settings) as scorer:
        return scorer(answers)
