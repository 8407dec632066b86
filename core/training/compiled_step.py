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
from core.device.gpu_failure import find_failure
from core.text.reasons import reason

MIN_REPEATS = 3  # times that a shape has come up before it is compiled
# Each compiled shape keeps arrays of its own, and Metal ends a process with 499,000 live allocations.
MAX_SHAPES = 256
_MAX_COUNTED = 4096  # shapes whose repeats are counted; then counting begins anew


class CompiledStep:
    """A function (parameters, batch, precomputed, weight) that is compiled for the first MAX_SHAPES shapes that come up
    again.

    It must follow from its arguments' arrays alone and have no other effect. Where tracing fails, steps go on
    uncompiled and `error` says why.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._shape_counts: Counter[Any] = Counter()
        self._compiled: dict[Any, Callable[..., Any]] = {}  # by what a batch consists of; mx.compile knows shapes
        self._chosen: set[Any] = set()  # the shapes for which it is compiled
        self._max_shapes = MAX_SHAPES
        self.error = ""  # why the model's steps turned out not to be compilable

    def forget(self, max_shapes: int) -> None:
        """Drop what is compiled. From now on no more than `max_shapes` are, the first that come up again."""
        self._compiled.clear()
        self._shape_counts.clear()
        self._chosen.clear()
        self._max_shapes = max_shapes

    def __call__(self, parameters: Any, batch: Batch, precomputed: Any, weight: float) -> Any:
        arrays, template = _split_arrays(batch)
        shapes = tuple((name, tuple(array.shape)) for name, array in arrays.items())
        if self.error or not self._choose(shapes):
            return self._function(parameters, batch, precomputed, weight)
        kind = (tuple(arrays), template.layout is not None and template.layout.shared)
        if kind not in self._compiled:

            def step(parameters: Any, arrays: dict[str, mx.array], precomputed: Any, weight: mx.array) -> Any:
                return self._function(parameters, _join_arrays(template, arrays), precomputed, weight)

            self._compiled[kind] = mx.compile(step)
        try:
            return self._compiled[kind](parameters, arrays, precomputed, mx.array(weight, mx.float32))
        except (ValueError, RuntimeError) as error:  # what tracing raises where a model looks at numbers on its way
            if find_failure(error):  # of work that was given to the GPU before
                raise
            self.error = reason(error)
            return self._function(parameters, batch, precomputed, weight)

    def _choose(self, shapes: Any) -> bool:
        """Count these shapes among those that are compiled, where they come up again and there is room. Returns whether
        they are."""
        if shapes not in self._chosen and len(self._chosen) < self._max_shapes:
            if len(self._shape_counts) >= _MAX_COUNTED:
                self._shape_counts.clear()
            self._shape_counts[shapes] += 1
            if self._shape_counts[shapes] >= MIN_REPEATS:
                self._chosen.add(shapes)
                del self._shape_counts[shapes]
        return shapes in self._chosen


def _split_arrays(batch: Batch) -> tuple[dict[str, mx.array], Batch]:
    """(a batch's arrays by name, the batch without them and without what changes from one to the next)."""
    arrays = {"tokens": batch.tokens, "mask": batch.mask, "places": batch.places}
    arrays |= {f"extra.{name}": value for name, value in batch.extra.items()}
    layout = batch.layout
    if layout is not None:
        names = [f.name for f in fields(Layout) if f.name != "shared"]
        arrays |= {f"layout.{name}": getattr(layout, name) for name in names}
        no_arrays: dict[str, Any] = dict.fromkeys(names)
        layout = replace(layout, **no_arrays)
    return arrays, Batch(None, None, (), (), layout)


def _join_arrays(template: Batch, arrays: dict[str, mx.array]) -> Batch:
    """The reverse of _split_arrays()."""
    groups: dict[str, dict[str, mx.array]] = {"": {}, "extra": {}, "layout": {}}
    for name, value in arrays.items():
        group, _, field = name.rpartition(".")
        groups[group][field] = value
    layout = None if template.layout is None else replace(template.layout, **groups["layout"])
    return replace(template, **groups[""], extra=groups["extra"], layout=layout)
