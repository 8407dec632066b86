"""Advantages, flat groups and the overlong penalty, worked out by hand."""

import math

import numpy as np
import pytest

from core.rollouts.advantages import compute_advantages, find_flat_groups, overlong_penalties

NAN = math.nan


def test_advantages_in_deviations_of_the_group() -> None:
    result = compute_advantages(np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 3.0, 1.0]]), "group")
    deviation = math.sqrt(4 * 0.25 / 3)  # of a sample
    assert result[0] == pytest.approx([0.5 / (deviation + 1e-4) * s for s in (1, -1, -1, 1)])
    assert result[1] == pytest.approx([x / (math.sqrt(2.0) + 1e-4) for x in (-1, -1, 2, 0)])


def test_advantages_in_deviations_of_the_step_and_as_they_are() -> None:
    rewards = np.array([[1.0, 0.0], [5.0, 1.0]])
    deviation = np.std([1, 0, 5, 1], ddof=1)
    assert compute_advantages(rewards, "batch") == pytest.approx(np.array([[0.5, -0.5], [2, -2]]) / (deviation + 1e-4))
    assert compute_advantages(rewards, "none") == pytest.approx(np.array([[0.5, -0.5], [2, -2]]))


def test_equal_rewards_have_no_advantage() -> None:
    rewards = np.array([[0.1 + 0.2, 0.3, 0.3], [1.0, 1.0, 0.0], [NAN, NAN, 1.0]])
    assert find_flat_groups(rewards).tolist() == [True, False, True]
    for scale in ("group", "batch", "none"):
        result = compute_advantages(rewards, scale)
        assert not result[0].any() and result[1].any() and not result[2].any()


def test_an_answer_without_a_score_counts_for_nothing() -> None:
    complete, holed = (compute_advantages(np.array([r]), "group") for r in ([1.0, 0.0, 0.0], [1.0, NAN, 0.0, 0.0]))
    assert holed[0][[0, 2, 3]] == pytest.approx(complete[0]) and holed[0][1] == 0


def test_soft_overlong_punishment() -> None:
    # DAPO, equation 13, with a longest length of 100 and a buffer of 20
    assert overlong_penalties([1, 80, 85, 90, 100], 100, 20, 1.0) == pytest.approx([0, 0, -0.25, -0.5, -1])
    assert overlong_penalties([90], 100, 20, 0.4) == pytest.approx([-0.2])
    assert overlong_penalties([100], 100, 0, 1.0) == [0.0]
