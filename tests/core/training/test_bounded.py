"""Nothing piles up while a run trains; `python -m tests.benchmarks.bounded` counts over thousands of steps."""

import mlx.core as mx
import pytest

from tests.benchmarks.bounded import Live, count_live, live_counts

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
def test_no_more_is_alive_in_the_second_half_than_in_the_first(method: str) -> None:
    counts = [live for _, live in live_counts(method, STEPS, 2)]
    assert len(counts) == STEPS // 2

    def most(name: str, among: list[Live]) -> int:  # two threads may have been at work in a step, or one
        return max(getattr(live, name) for live in among)

    early, late = counts[: len(counts) // 2], counts[len(counts) // 2 :]
    assert most("active", late) <= most("active", early) * 1.02
    for name in ("arrays", "shapes", "entries"):
        assert most(name, late) <= most(name, early), name
