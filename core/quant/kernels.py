"""Kernels of our own for a GPU: unpacking 4-bit weights, and multiplying a few rows straight from the codes.

Each is one source for Metal and CUDA, in which only the words for indices, memory and sums differ. They compute the
same as the plain operations of core.quant, which is tested once on the present GPU before they are used
(`unavailable_reason`): a GPU on which they do not work keeps the plain operations, and the reason is kept.
"""

import functools
from string import Template
from typing import Any

import mlx.core as mx
import numpy as np

from core.device.gpu_kernel import THREADS_PER_GROUP, WORDS, build_kernel, language
from core.text.sentence import say

MAX_ROWS = 8  # that `multiply` takes
WIDTH_MULTIPLE = 8  # the width of these rows must be a multiple of it
_HEADER = Template("""
template <typename T> struct alignas(2 * sizeof(T)) Two { T first; T second; };
$table VALUES[16] = {$values};
""")
# Two weights a byte, the first in the high half; 32 bytes have one scale.
_UNPACK = Template("""
    const unsigned int i = $thread;
    if (i < (unsigned int)codes_shape[0]) {
        const unsigned int code = codes[i];
        const float scale = scales[i / 32];
        *($device Two<T>*)(out + 2 * i) = Two<T>{T(VALUES[code / 16] * scale), T(VALUES[code % 16] * scale)};
    }
""")
# A warp computes one output of every row: each lane takes $per_lane weights at a time, 32 neighbouring lanes together.
_MULTIPLY = Template("""
    const unsigned int lane = $thread % 32;
    const unsigned int n = $thread / 32;
    const unsigned int rows = x_shape[0];
    const unsigned int inner = x_shape[1];
    const unsigned int outputs = $outputs;
    if (n < outputs) {
        float sums[$rows];
        for (int m = 0; m < $rows; ++m) { sums[m] = 0; }
        for (unsigned int k = $per_lane * lane; k < inner; k += $per_lane * 32) {
            const unsigned int first = n * inner + k;
            const unsigned int word = ((const $device unsigned int*)codes)[first / $per_lane];
            float w[$per_lane];
            $weights
            for (unsigned int m = 0; m < $rows; ++m) {
                if (m < rows) {
                    for (int j = 0; j < $per_lane; ++j) { sums[m] += w[j] * float(x[m * inner + k + j]); }
                }
            }
        }
        for (unsigned int m = 0; m < $rows; ++m) {
            if (m < rows) {
                const float total = $sum(sums[m]) $scaling;
                if (lane == 0) { out[m * outputs + n] = T(total); }
            }
        }
    }
""")
_READ_4BIT = """const float scale = scales[first / 64];
            for (int j = 0; j < 4; ++j) {
                const unsigned int code = (word >> (8 * j)) & 255;
                w[2 * j] = VALUES[code / 16] * scale;
                w[2 * j + 1] = VALUES[code % 16] * scale;
            }"""
_READ_INT8 = "for (int j = 0; j < 4; ++j) { w[j] = float((signed char)((word >> (8 * j)) & 255)); }"


def unavailable_reason() -> str:
    """Why this thread's device cannot use the kernels; "" where it can. The first call on a GPU tests them."""
    if mx.default_device().type == mx.cpu:
        return say("the kernels are for a GPU")
    return _test_kernels()


def unpack(codes: mx.array, scales: mx.array, table: np.ndarray, dtype: mx.Dtype) -> mx.array:
    """Unpack 4-bit weights: table value times scale, rounded once to `dtype`.

    codes uint8 [n], each of two weights; scales float32 [ceil(n / 32)]; table float32 [16]. Returns [2 n].
    """
    outputs = _build_kernel("unpack", _as_tuple(table))(
        inputs=[codes, scales],
        template=[("T", dtype)],
        grid=(codes.size, 1, 1),
        threadgroup=(THREADS_PER_GROUP, 1, 1),
        output_shapes=[(2 * codes.size,)],
        output_dtypes=[dtype],
    )
    return outputs[0]


def multiply(x: mx.array, codes: mx.array, scales: mx.array, outputs: int, table: np.ndarray | None) -> mx.array:
    """x [..., in] times the transpose of packed weights [out, in], summed in float32: [..., out] in x's precision.

    With a table the codes and scales are those of `unpack`; without, codes are int8 [out, in], and scales are
    float32 [out], already divided by 127. For MAX_ROWS rows at most, whose width is a multiple of WIDTH_MULTIPLE.
    """
    rows = x.reshape(-1, x.shape[-1])
    products = _build_kernel("multiply", None if table is None else _as_tuple(table))(
        inputs=[rows, codes, scales],
        template=[("T", x.dtype)],
        grid=(32 * outputs, 1, 1),
        threadgroup=(THREADS_PER_GROUP, 1, 1),
        output_shapes=[(rows.shape[0], outputs)],
        output_dtypes=[x.dtype],
    )
    return products[0].reshape(*x.shape[:-1], outputs)


def _as_tuple(table: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in table)


@functools.cache
def _build_kernel(name: str, table: tuple[float, ...] | None) -> Any:
    """The kernel "unpack" or "multiply" with a table's values as constants; without a table, of int8 codes."""
    words, header = WORDS[language()], ""
    if table is not None:
        header = _HEADER.substitute(words, values=", ".join(f"{value!r}f" for value in table))
    if name == "unpack":
        inputs, source = ["codes", "scales"], _UNPACK.substitute(words)
    else:
        inputs = ["x", "codes", "scales"]
        values = {"per_lane": 8, "outputs": "2 * codes_shape[0] / inner", "weights": _READ_4BIT, "scaling": ""}
        if table is None:
            values = {"per_lane": 4, "outputs": "codes_shape[0]", "weights": _READ_INT8, "scaling": "* scales[n]"}
        source = _MULTIPLY.substitute(words, rows=MAX_ROWS, **values)
    return build_kernel(f"hone_{name}", inputs, ["out"], source, header)


@functools.cache
def _test_kernels() -> str:
    """What is wrong with the kernels on this GPU, found by comparing them with NumPy; "" for nothing."""
    random = np.random.default_rng(0)
    table = random.normal(size=16).astype(np.float32)
    codes, scales = random.integers(0, 256, 3 * 64, np.uint8), random.random(6, np.float32)
    dense = table[np.stack([codes >> 4, codes & 15], axis=1).reshape(-1)] * np.repeat(scales, 64)
    x, int8_codes = random.normal(size=(2, 128)).astype(np.float32), random.integers(-127, 128, (5, 128), np.int8)
    row_scales = random.random(5, np.float32)
    try:
        x_mlx, codes_mlx, scales_mlx = mx.array(x), mx.array(codes), mx.array(scales)
        results = [
            unpack(codes_mlx, scales_mlx, table, mx.float32),
            multiply(x_mlx, codes_mlx, scales_mlx, 3, table),
            multiply(x_mlx, mx.array(int8_codes), mx.array(row_scales), 5, None),
        ]
        mx.eval(results)
    except (RuntimeError, ValueError) as error:  # MLX raises these where a kernel does not compile or start
        return say("they do not run on this GPU ({reason})", reason=error)
    expected = [dense, x @ dense.reshape(3, 128).T, x @ (int8_codes * row_scales[:, None]).T]
    for result, target in zip(results, expected, strict=True):
        if not np.allclose(np.array(result), target, rtol=1e-4, atol=1e-3):
            return say("they give wrong numbers on this GPU")
    return ""
