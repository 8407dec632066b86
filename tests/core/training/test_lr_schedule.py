"""Learning rates worked by hand, and equal to transformers' schedulers."""

import math

import pytest

from core.training.lr_schedule import default_warmup, learning_rate


def rates(schedule: str, warmup: int, total: int) -> list[float]:
    return [learning_rate(s, peak=1.0, schedule=schedule, warmup=warmup, total=total) for s in range(1, total + 1)]


def test_constant() -> None:
    assert rates("constant", 0, 3) == [1, 1, 1]
    assert rates("constant", 2, 4) == [0, 0.5, 1, 1]


def test_linear() -> None:
    assert rates("linear", 0, 4) == [1, 0.75, 0.5, 0.25]
    assert rates("linear", 1, 3) == [0, 1, 0.5]


def test_cosine() -> None:
    assert rates("cosine", 0, 4) == pytest.approx([1, 0.5 + math.sqrt(0.5) / 2, 0.5, 0.5 - math.sqrt(0.5) / 2])
    assert rates("cosine", 2, 4) == pytest.approx([0, 0.5, 1, 0.5])


def test_the_whole_run_is_spanned() -> None:
    # Not 10,000 steps whatever the run's length: the last step is close to zero.
    assert rates("cosine", 0, 20)[-1] < 0.01


def test_default_warmup() -> None:
    assert [default_warmup("cosine", n) for n in (10, 100, 10_000)] == [0, 5, 100]
    assert default_warmup("constant", 1000) == 0
