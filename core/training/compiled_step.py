"""A step of a GPU compiled as a whole, for batches of the shapes that come up again.

Compiled, a step is one graph whose small operations are joined and which Python need not build each time. Tracing it
takes up to a second for each new shape, so that a shape is compiled when it has come up a few times.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import mlx.core as mx

from core.data.batch.batches import Batch
from core.data.batch.packing import Layout

MIN_REPEATS = 3  # times that a shape has come up


class CompiledStep:
    """A function (values, batch, aside, weight) of arrays, of the batch's arrays alone, and with no other effect."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._seen: Counter[Any] = Counter()
        self._made: dict[Any, Callable[..., Any]] = {}
        self.why_not = ""  # why the model's steps turned out not to be compilable

    def __call__(self, values: Any, batch: Batch, aside: Any, weight: float) -> Any:
        given, bare = _apart(batch)
        shapes = tuple((name, tuple(array.shape)) for name, array in given.items())
        self._seen[shapes] += 1
        if self._seen[shapes] < MIN_REPEATS or self.why_not:
            return self._function(values, batch, aside, weight)
        kind = (tuple(given), bare.layout is not None and bare.layout.shared)
        if kind not in self._made:

            def whole(values: Any, given: dict[str, mx.array], aside: Any, weight: mx.array) -> Any:
                return self._function(values, _together(bare, given), aside, weight)

            self._made[kind] = mx.compile(whole)
        try:
            return self._made[kind](values, given, aside, mx.array(weight, mx.float32))
        except (ValueError, RuntimeError) as error:  # what tracing raises where a model looks at numbers on its way
            self.why_not = (str(error).strip().splitlines() or ["no word"])[0]
            return self._function(values, batch, aside, weight)


def _apart(batch: Batch) -> tuple[dict[str, mx.array], Batch]:
    """(a batch's arrays by name, the batch without them and without what changes from one to the next)."""
    given = {"tokens": batch.tokens, "mask": batch.mask, "places": batch.places}
    given |= {f"extra.{name}": value for name, value in batch.extra.items()}
    layout = batch.layout
    if layout is not None:
        names = [f.name for f in fields(Layout) if f.name != "shared"]
        given |= {f"layout.{name}": getattr(layout, name) for name in names}
        nothing: dict[str, Any] = dict.fromkeys(names)
        layout = replace(layout, **nothing)
    return given, Batch(None, None, (), (), layout)


def _together(bare: Batch, given: dict[str, mx.array]) -> Batch:
    parts: dict[str, dict[str, mx.array]] = {"": {}, "extra": {}, "layout": {}}
    for name, value in given.items():
        part, _, own = name.rpartition(".")
        parts[part][own] = value
    layout = None if bare.layout is None else replace(bare.layout, **parts["layout"])
    return replace(bare, **parts[""], extra=parts["extra"], layout=layout)
