"""Tokens are drawn from the distribution they should be drawn from, worked out by hand."""

import math

import mlx.core as mx
import numpy as np
import pytest

from core.rollouts.sampling import SamplingParams, sample_in_numpy, sample_tokens

P = [0.1, 0.4, 0.05, 0.25, 0.2]  # likeliest first: 1, 3, 4, 0, 2


def tokens(uniform: list[float], p: list[float] = P, **options: float) -> list[int]:
    logits = mx.log(mx.array([p] * len(uniform)))
    sampled = sample_tokens(logits, mx.array(uniform), SamplingParams(**options))[0].tolist()  # type: ignore[arg-type]
    assert isinstance(sampled, list)
    return sampled


def test_a_number_falls_among_the_cumulated_probabilities() -> None:
    assert tokens([0.0, 0.09, 0.11, 0.49, 0.51, 0.56, 0.79, 0.81, 0.9999999]) == [0, 0, 1, 1, 2, 3, 3, 4, 4]


def test_every_token_comes_as_often_as_it_is_likely() -> None:
    sampled = tokens([(n + 0.5) / 2000 for n in range(2000)], top_p=0.999999)
    assert np.bincount(sampled, minlength=5) / 2000 == pytest.approx(P, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "candidates"),
    [
        ({"top_k": 2}, [1, 3]),
        ({"top_p": 0.6}, [1, 3]),  # 0.4 is not enough, 0.65 is
        ({"top_p": 0.01}, [1]),
        ({"min_p": 0.5}, [1, 3, 4]),  # at least half of 0.4
        ({"top_k": 3, "top_p": 0.7}, [1, 3]),  # of what top-k left, 0.4 + 0.25 are 0.76
        ({"top_k": 4, "min_p": 0.3}, [1, 3, 4]),
        ({}, [1, 3, 4, 0, 2]),
    ],
)
def test_what_is_left_to_draw_from(options: dict[str, float], candidates: list[int]) -> None:
    sampled = tokens([(n + 0.5) / 500 for n in range(500)], **options)
    share = np.bincount(sampled, minlength=5) / 500
    expected = np.array([P[i] if i in candidates else 0.0 for i in range(5)])
    assert share == pytest.approx(expected / expected.sum(), abs=4e-3)


def test_a_token_that_cannot_be_is_never_drawn() -> None:
    assert set(tokens([0.0, 0.3, 0.5, 0.9999999], p=[0.0, 0.5, 0.0, 0.5, 0.0])) == {1, 3}


def test_log_probability_and_entropy_are_those_of_the_whole_distribution_at_the_temperature() -> None:
    logits = mx.array([[1.0, 2.0, 0.0]])
    hot = [math.exp(x / 0.5) for x in (1.0, 2.0, 0.0)]
    p = [x / sum(hot) for x in hot]
    token, logp, entropy = sample_tokens(logits, mx.array([0.5]), SamplingParams(temperature=0.5, top_k=1))
    assert token.item() == 1 and logp.item() == pytest.approx(math.log(p[1]), abs=1e-6)
    assert entropy.item() == pytest.approx(-sum(x * math.log(x) for x in p), abs=1e-6)


def test_at_temperature_zero_the_likeliest_is_taken() -> None:
    token, logp, _ = sample_tokens(mx.log(mx.array([P])), mx.array([0.99]), SamplingParams(temperature=0.0))
    assert token.item() == 1 and logp.item() == pytest.approx(math.log(0.4), abs=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 0.0}, {"temperature": 0.6}, {"top_k": 9}, {"temperature": 1.4, "top_p": 0.8}]
)
def test_numpy_draws_the_same(options: dict[str, float]) -> None:
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 3, (40, 300)).astype(np.float32)
    logits[3, 5:] = -np.inf
    uniform = rng.random(40, dtype=np.float32)
    params = SamplingParams(**options)  # type: ignore[arg-type]
    expected = sample_tokens(mx.array(logits), mx.array(uniform), params)
    sampled = sample_in_numpy(logits, uniform, params)
    assert sampled.tokens.tolist() == expected.tokens.tolist()
    assert sampled.logps == pytest.approx(np.array(expected.logps), abs=1e-5)
    assert sampled.entropies == pytest.approx(np.array(expected.entropies), abs=1e-5)
