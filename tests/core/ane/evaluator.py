"""A saved Core ML program, evaluated op by op in NumPy: stands for Core ML where there is none.

The program is read back from its files. Each operation computes in float32 and is rounded to its own type, so a float16
program is rounded after every operation. How the Neural Engine adds up inside of one is not imitated.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.ane.coreml import load_coremltools

Array = np.ndarray[Any, Any]


def _conv(x: Array, weight: Array, bias: Array | None = None, **options: Any) -> list[Array]:
    """1x1 alone: [1, out, 1, length] from x [1, in, 1, length] and weight [out, in, 1, 1]."""
    assert weight.shape[2:] == (1, 1) and x.shape[2] == 1 and options.get("groups", 1) == 1, options
    y = weight[:, :, 0, 0] @ x[0, :, 0]
    return [(y if bias is None else y + bias[:, None])[None, :, None]]


def _einsum(values: list[Array], equation: str) -> list[Array]:
    return [np.einsum(equation, *values, optimize=True)]


def _matmul(x: Array, y: Array, transpose_x: bool = False, transpose_y: bool = False) -> list[Array]:
    x = x.swapaxes(-1, -2) if transpose_x else x
    return [x @ (y.swapaxes(-1, -2) if transpose_y else y)]


def _softmax(x: Array, axis: int = -1) -> list[Array]:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return [e / e.sum(axis=axis, keepdims=True)]


def _split(x: Array, axis: int, num_splits: int | None = None, split_sizes: Any = None) -> list[Array]:
    return np.split(x, num_splits if num_splits else np.cumsum(split_sizes)[:-1], axis=axis)


def _axes(axes: Any) -> tuple[int, ...]:
    return tuple(int(a) for a in axes)


OPS: dict[str, Callable[..., list[Array]]] = {
    "abs": lambda x: [np.abs(x)],
    "add": lambda x, y: [x + y],
    "concat": lambda values, axis, interleave=False: [np.concatenate(values, axis=axis)],
    "conv": _conv,
    "einsum": _einsum,
    "matmul": _matmul,
    "maximum": lambda x, y: [np.maximum(x, y)],
    "mul": lambda x, y: [x * y],
    "real_div": lambda x, y: [x / y],
    "reduce_max": lambda x, axes, keep_dims: [x.max(axis=_axes(axes), keepdims=bool(keep_dims))],
    "reduce_mean": lambda x, axes, keep_dims: [x.mean(axis=_axes(axes), keepdims=bool(keep_dims))],
    "reshape": lambda x, shape: [x.reshape([int(n) for n in shape])],
    "rsqrt": lambda x, epsilon: [1 / np.sqrt(x + epsilon)],
    "silu": lambda x: [x / (1 + np.exp(-np.clip(x, -80, None)))],
    "softmax": _softmax,
    "split": _split,
    "sub": lambda x, y: [x - y],
}  # every operation that a program may have


class Evaluator:
    """Runs a saved program; the interface of core.ane's runners."""

    def __init__(self, folder: Path) -> None:
        self.operations, self.inputs, self.outputs, self._constants = _read(folder)

    @property
    def kinds(self) -> set[str]:
        """The types of the program's operations."""
        return {op.op_type for op in self.operations}

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, in the program's own precision."""
        assert {name: tuple(value.shape) for name, value in feed.items()} == self.inputs
        values = dict(self._constants)
        values.update({name: value.astype(np.float16).astype(np.float32) for name, value in feed.items()})
        if self.precision is np.float32:
            values.update({name: value.astype(np.float32) for name, value in feed.items()})
        for op in self.operations:
            found = OPS[op.op_type](**{name: self._value(var, values) for name, var in op.inputs.items()})
            for var, value in zip(op.outputs, found, strict=True):
                values[var.name] = value.astype(self.precision).astype(np.float32)
                assert values[var.name].shape == tuple(var.shape), (op.op_type, values[var.name].shape, var.shape)
        return {name: values[name].astype(self.precision) for name in self.outputs}

    @property
    def precision(self) -> type:
        from coremltools.converters.mil.mil import types

        return np.float16 if self.operations[-1].outputs[0].dtype == types.fp16 else np.float32

    def _value(self, var: Any, values: dict[str, Array]) -> Any:
        if isinstance(var, list | tuple):
            return [self._value(v, values) for v in var]
        return values.get(var.name, var.val)


def _read(folder: Path) -> tuple[list[Any], dict[str, tuple[int, ...]], list[str], dict[str, Array]]:
    """The operations in order, the inputs' shapes, the outputs' names, and every constant array in float32."""
    ct = load_coremltools()
    from coremltools.converters.mil.frontend.milproto.load import load

    model = ct.models.MLModel(str(folder), skip_model_load=True)
    spec = model.get_spec()
    main = load(spec, spec.specificationVersion, model.weights_dir).functions["main"]
    constants = {
        op.outputs[0].name: op.outputs[0].val.astype(np.float32)
        for op in main.operations
        if op.op_type == "const"
        and isinstance(op.outputs[0].val, np.ndarray | np.floating)
        and op.outputs[0].val.dtype.kind == "f"
    }
    inputs = {i.name: tuple(i.type.multiArrayType.shape) for i in spec.description.input}
    operations = [op for op in main.operations if op.op_type != "const"]
    return operations, inputs, [o.name for o in spec.description.output], constants
