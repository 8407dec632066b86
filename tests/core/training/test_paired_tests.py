"""The paired tests: p-values that can be worked out by hand, and how often they are wrong about mere chance."""

import math

import numpy as np
import pytest

from core.training.paired_tests import DRAWS, format_p, sign_flip_test, sign_test


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [
        (0, 0, 1.0),
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (8, 2, 2 * (1 + 10 + 45) / 1024),  # 0.109375
        (15, 3, 2 * (1 + 18 + 153 + 816) / 2**18),
        (3, 3, 1.0),
        (1, 0, 1.0),
    ],
)
def test_the_sign_test_is_exact(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == p == sign_test(losses, wins)


def test_many_rows_overflow_nothing() -> None:
    assert 0 < sign_test(1500, 900) < 1e-30
    assert sign_test(2000, 1000) == pytest.approx(
        math.erfc(999 / math.sqrt(3000) / math.sqrt(2)), rel=1
    )  # the normal approximation, which is coarse so far out


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([], 1.0),
        ([0.0, 0.0], 1.0),
        ([1.0] * 5, 2 / 32),
        ([0.0, 1.0, 1.0, 0.0], 2 / 4),
        # |sum| >= 4 of ±1 ±2 ±3: +++ 6, -++ 4, and both turned round.
        ([-1.0, 2.0, 3.0], 4 / 8),
        ([0.1, 0.2, 0.3], 2 / 8),  # in floating point the sums differ by rounding
    ],
)
def test_the_sign_flip_test_is_exact_for_few_rows(differences: list[float], p: float) -> None:
    assert sign_flip_test(differences) == p == sign_flip_test([-d for d in differences])


def test_for_many_rows_it_draws_and_stays_near_the_exact_value() -> None:
    """With equal differences it is the sign test: 20 rows, 14 of them up."""
    p = sign_flip_test([1.0] * 14 + [-1.0] * 6)
    assert p == pytest.approx(sign_test(14, 6), abs=0.01)
    assert p == sign_flip_test([1.0] * 14 + [-1.0] * 6)  # seeded
    assert p != sign_flip_test([1.0] * 14 + [-1.0] * 6, seed=1)
    assert sign_flip_test([1.0] * 40) == 1 / (DRAWS + 1)


def test_mere_chance_is_called_clear_about_once_in_twenty() -> None:
    rng = np.random.default_rng(3)
    wrong = sum(sign_flip_test(rng.normal(size=12)) < 0.05 for _ in range(400))
    assert 8 <= wrong <= 34  # 20 expected, 4.4 is one standard deviation


def test_p_for_people() -> None:
    assert [format_p(p) for p in (0.5, 0.034, 0.0044, 0.0001)] == ["p = 0.50", "p = 0.03", "p = 0.004", "p < 0.001"]
