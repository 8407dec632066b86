"""Nothing piles up while a run trains; `python -m tests.benchmarks.bounded` counts over thousands of steps."""

import mlx.core as mx
import pytest

from tests.benchmarks.bounded import count_live, live_counts

STEPS = 30


def test_what_is_held_is_counted() -> None:
    before = count_live()
    held = [mx.zeros((256, 256)) for _ in range(7)]
    mx.eval(held)
    after = count_live()
    assert after.arrays - before.arrays == 7
    assert after.active - before.active >= 7 * 256 * 256 * 4


@pytest.mark.skipif(mx.default_device() == mx.gpu, reason="a GPU works ahead: what is in flight at a time varies")
@pytest.mark.parametrize(
    "method",
    [
        "sft",
        *(pytest.param(m, marks=pytest.mark.slow) for m in ("grpo", "dpo", "simpo", "orpo", "kto", "dapo", "distill")),
    ],
)
def test_as_much_is_alive_at_the_end_as_after_a_third(method: str) -> None:
    (_, early), _, (step, late) = live_counts(method, STEPS, STEPS // 3)
    assert step == STEPS
    assert late.arrays <= early.arrays and late.active <= early.active * 1.02
    assert late.shapes <= early.shapes and late.entries <= early.entries
