"""The numbers of GRPO and DAPO, worked out by hand."""

import math
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import pytest

from core.errors import BadOption
from core.methods import dapo, grpo
from core.methods._policy import LOSS_TYPES, Options, check
from core.methods._policy_loss import loss

# Two answers: two tokens and one. ρ is 2 and 0.5 in the first, 1 in the second.
LOGPS = [[-1.0, -1.5, 0.0], [-0.25, 0.0, 0.0]]
SAMPLED = [[-1.0 - math.log(2), -1.5 + math.log(2), 0.0], [-0.25, 0.0, 0.0]]
MASK = [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


def value(o: Any, a: tuple[float, float] = (1.0, -2.0), ref: Any = None) -> tuple[float, dict[str, float]]:
    extra = {
        "sampled": mx.array(SAMPLED),
        "advantage": mx.array(a),
        "kept": mx.array([0.5, 0.5]),
        "mean_length": mx.array([4.0, 4.0]),
    }
    batch = SimpleNamespace(mask=mx.array(MASK), extra=extra)
    result, metrics = loss(mx.array(LOGPS), ref, batch, o)
    return float(result), {k: float(s) / float(n) for k, (s, n) in metrics.items()}


# With A = 1: ρ = 2 is clipped to 1.2, ρ = 0.5 is not; with A = -2 and ρ = 1: token losses -1.2, -0.5, 2.
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("grpo", ((-1.2 - 0.5) / 2 + 2.0) / 2 * 0.5),
        ("bnpo", (-1.2 - 0.5 + 2.0) / 3),
        ("dr_grpo", (-1.2 - 0.5 + 2.0) / (2 * 10) * 0.5),
        ("dapo", (-1.2 - 0.5 + 2.0) / (2 * 4)),
    ],
)
def test_each_loss_type(kind: str, expected: float) -> None:
    result, metrics = value(Options(loss_type=kind, max_completion_length=10))
    assert result == pytest.approx(expected, abs=1e-6)
    assert metrics == pytest.approx({"clipped": 1 / 3})


def test_clipping_has_two_bounds_of_its_own() -> None:
    # With A = -1 ρ = 2 counts in full and ρ = 0.5 is clipped to 0.7; with A = 1 ρ = 2 is clipped to 1.5.
    o = Options(loss_type="bnpo", epsilon=0.3, epsilon_high=0.5)
    assert value(o, (-1.0, 0.0))[0] == pytest.approx((2.0 + 0.7) / 3, abs=1e-6)
    assert value(o, (1.0, 0.0))[0] == pytest.approx((-1.5 - 0.5) / 3, abs=1e-6)


@pytest.mark.parametrize("corrected", [True, False])
def test_the_pull_to_the_reference(corrected: bool) -> None:
    o = Options(loss_type="bnpo", beta=0.5, use_bias_correction_kl=corrected)
    ref = mx.array([[-2.0, -1.0, 0.0], [-0.25, 0.0, 0.0]])
    terms = [math.exp(-1.0) + 1.0 - 1, math.exp(0.5) - 0.5 - 1, 0.0]
    if corrected:
        terms = [2 * terms[0], 0.5 * terms[1], 0.0]
    result, metrics = value(o, (0.0, 0.0), ref)
    assert metrics["kl"] == pytest.approx(sum(terms) / 3, abs=1e-6)
    assert result == pytest.approx(0.5 * sum(terms) / 3, abs=1e-6)


def test_on_its_own_answers_the_gradient_is_minus_the_advantage() -> None:
    o = Options(loss_type="dr_grpo", max_completion_length=1)

    def loss_of(logps: mx.array) -> mx.array:
        extra = {"sampled": mx.array([[-1.0, -2.0]]), "advantage": mx.array([3.0]), "kept": mx.ones(1)}
        batch = SimpleNamespace(mask=mx.ones((1, 2)), extra=extra)
        result: mx.array = loss(logps, None, batch, o)[0]
        return result

    assert mx.grad(loss_of)(mx.array([[-1.0, -2.0]])).tolist() == [[-3.0, -3.0]]


def test_dapo_is_grpo_with_the_papers_values() -> None:
    assert (dapo.SPEC.loss, dapo.Options().upper, dapo.Options().loss_type) == (grpo.SPEC.loss, 0.28, "dapo")
    assert dapo.Options(max_completion_length=100).buffer == 20 and grpo.Options().buffer == 0
    assert grpo.Options(epsilon=0.3).upper == 0.3 and set(LOSS_TYPES) == {"grpo", "bnpo", "dr_grpo", "dapo"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rewards": ("magic",)}, "no reward 'magic'"),
        ({"rewards": ("regex",)}, "needs --reward-pattern"),
        ({"overlong_buffer": 300}, "longer than max_completion_length"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadOption, match=sentence):
        check(Options(**options))
