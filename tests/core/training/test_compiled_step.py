"""For which shapes a step is compiled."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import pytest

from core.data.batch.batches import Batch
from core.training import compiled_step
from core.training.compiled_step import MIN_REPEATS, CompiledStep


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The widths of the batches that go to compiled steps, as MLX's compiler would get them."""
    widths: list[int] = []

    def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(parameters: Any, arrays: dict[str, mx.array], *rest: Any) -> Any:
            widths.append(arrays["tokens"].shape[1])
            return function(parameters, arrays, *rest)

        return run

    monkeypatch.setattr(mx, "compile", compile_function)
    return widths


def batch(width: int) -> Batch:
    places = mx.zeros((1, width - 1), mx.int32)
    return Batch(mx.zeros((1, width), mx.int32), mx.ones((1, width - 1)), (width,), (0,), places=places)


def steps(step: CompiledStep, *widths: int) -> None:
    for width in widths:
        assert step({}, batch(width), None, 1.0) == width


def width_of(parameters: Any, batch: Batch, precomputed: Any, weight: Any) -> int:
    return int(batch.tokens.shape[1])


def test_a_shape_is_compiled_once_it_has_come_up_again(compiled: list[int]) -> None:
    steps(CompiledStep(width_of), *[8] * (MIN_REPEATS - 1), 9, 8, 8)
    assert compiled == [8, 8]


def test_after_forget_only_the_first_shapes_that_come_up_again_are_compiled(compiled: list[int]) -> None:
    step = CompiledStep(width_of)
    steps(step, *[5, 6, 7] * MIN_REPEATS)
    assert sorted(set(compiled)) == [5, 6, 7]
    compiled.clear()
    step.forget(2)
    steps(step, 5, *[6] * MIN_REPEATS, *[7] * MIN_REPEATS, *[5] * MIN_REPEATS, 7, 6)
    assert compiled == [6, 7, 7, 6]  # 5 was met first, but came up again last


def test_what_is_compiled_and_counted_is_bounded(compiled: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_step, "MAX_SHAPES", 3)
    monkeypatch.setattr(compiled_step, "_MAX_COUNTED", 5)
    step = CompiledStep(width_of)
    steps(step, *range(10, 30))  # none comes up again
    assert compiled == [] and len(step._shape_counts) <= 5
    steps(step, *[width for width in range(40, 50) for _ in range(MIN_REPEATS)])
    assert compiled == [40, 41, 42] and len(step._chosen) == 3 and len(step._shape_counts) <= 5
