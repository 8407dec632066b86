"""Warnings about the rewards of a run: a reward file that fails, rewards that never change, refills that run out."""

from collections.abc import Iterator, Sequence

import numpy as np

from core.errors import BadData, Unavailable
from core.rollouts.collector import CollectedGroups
from core.rollouts.samples_file import OVERLONG, RolloutGroup
from core.text.sentence import say

CONSTANT_ROUNDS = 5  # samplings after which a reward that never changed is reported
MAX_FAILED_ROUNDS = 3  # samplings in a row without any score, after which the run ends
MAX_FAILURE_WARNINGS = 3  # failures of a reward file that are reported

RewardWarning = tuple[str, str]  # (code, sentence) of core.events.Warned


class RewardMonitor:
    """Watches the scores of every sampling."""

    def __init__(self, refills: int) -> None:
        self.refills = refills  # of the options, for the sentence
        self._first_values: dict[str, set[float]] = {}  # the first two different values of each reward
        self._failed_rounds = self._failures = self._incomplete_steps = 0

    def check(self, number: int, collected: CollectedGroups) -> list[RewardWarning]:
        """What a person should know about sampling `number`, counted from 0.

        Raises BadData when a reward file scores nothing in the first sampling, and Unavailable when it scores nothing
        MAX_FAILED_ROUNDS times in a row.
        """
        groups = [*collected.groups, *collected.dropped_groups]
        warnings = self._check_failures(number, collected.problems, groups) if collected.problems else []
        if collected.incomplete:
            self._incomplete_steps += 1
            if self._incomplete_steps == 1:
                sentence = say(
                    "After {refills} refills, step {step} still lacks groups with a difference",
                    refills=self.refills,
                    step=groups[0].step,
                )
                warnings.append(
                    (
                        "refill",
                        say(
                            "{sentence}; it learns from fewer. Later steps like it are not reported.", sentence=sentence
                        ),
                    )
                )
        if number < CONSTANT_ROUNDS:
            for name, value in _reward_values(groups):
                values = self._first_values.setdefault(name, set())
                if len(values) < 2:
                    values.add(round(value, 9))
        if number == CONSTANT_ROUNDS - 1:
            warnings += _constant_reward_warnings(self._first_values)
        return warnings

    def _check_failures(self, number: int, problems: list[str], groups: Sequence[RolloutGroup]) -> list[RewardWarning]:
        has_no_score = all(not np.isfinite(group.rewards).any() for group in groups)
        self._failed_rounds = self._failed_rounds + 1 if has_no_score else 0
        if has_no_score and number == 0:
            raise BadData(problems[0])
        if self._failed_rounds == MAX_FAILED_ROUNDS:
            raise Unavailable(
                say(
                    "{problem} So it was {count} times in a row: the run ends here.",
                    problem=problems[0],
                    count=MAX_FAILED_ROUNDS,
                )
            )
        self._failures += 1
        if self._failures > MAX_FAILURE_WARNINGS:
            return []
        ending = say(" Further failures are not reported.") if self._failures == MAX_FAILURE_WARNINGS else ""
        return [("reward", say("{problems} These answers are left out.{ending}", problems=problems[0], ending=ending))]


def _reward_values(groups: Sequence[RolloutGroup]) -> Iterator[tuple[str, float]]:
    """(name of the reward, value) of every completion; the sum of all rewards has the name ""."""
    for rollout in (rollout for group in groups for rollout in group.rollouts):
        if np.isfinite(rollout.reward):
            yield "", rollout.reward
        yield from rollout.scores.items()


def _constant_reward_warnings(values_by_reward: dict[str, set[float]]) -> list[RewardWarning]:
    """Warnings about rewards that gave every completion the same score."""
    constant = {
        name: next(iter(values)) for name, values in values_by_reward.items() if len(values) == 1 and name != OVERLONG
    }
    if "" in constant:
        score = say(
            "every answer of the first {rounds} rounds got the same score ({value:g})",
            rounds=CONSTANT_ROUNDS,
            value=constant[""],
        )
        return [
            (
                "constant-reward",
                say("There is nothing to learn from so far: {score}. Check the reward and the data.", score=score),
            )
        ]
    return [
        (
            "constant-reward",
            say(
                "The reward {name!r} gave every answer of the first {rounds} rounds the score {value:g}.",
                name=name,
                rounds=CONSTANT_ROUNDS,
                value=value,
            ),
        )
        for name, value in constant.items()
    ]
