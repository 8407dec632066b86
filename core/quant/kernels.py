"""Kernels of our own for a GPU: 4-bit weights unpacked at once, and a few rows multiplied straight from the codes.

Each is one source for Metal and CUDA, in which only the words for places, memory and sums differ. What they compute
is what the plain operations beside them compute, and that is tried once on the GPU at hand before they are used
(`why_not`): a GPU on which they do not work keeps the plain operations, and the reason.
"""

import functools
from string import Template
from typing import Any

import mlx.core as mx
import numpy as np

MAX_ROWS = 8  # rows that `multiply` takes at most
WIDTH_MULTIPLE = 8  # what its rows' length must be a multiple of
_GROUP = 256  # threads of a group: eight warps (Metal: SIMD groups) of 32
_WORDS = {
    "cuda": {
        "thread": "(blockIdx.x * blockDim.x + threadIdx.x)",
        "device": "",
        "table": "__device__ const float",
        "sum": "warp_sum",
    },
    "metal": {
        "thread": "thread_position_in_grid.x",
        "device": "device",
        "table": "constant float",
        "sum": "simd_sum",
    },
}
_CUDA_SUM = """
__device__ inline float warp_sum(float x) {
    for (int step = 16; step > 0; step /= 2) { x += __shfl_xor_sync(0xffffffffu, x, step); }
    return x;
}
"""
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
# A warp makes one number of every row: each lane takes $taken weights at a time, 32 lanes beside each other.
_MULTIPLY = Template("""
    const unsigned int lane = $thread % 32;
    const unsigned int n = $thread / 32;
    const unsigned int rows = x_shape[0];
    const unsigned int inner = x_shape[1];
    const unsigned int outputs = $outputs;
    if (n < outputs) {
        float sums[$rows];
        for (int m = 0; m < $rows; ++m) { sums[m] = 0; }
        for (unsigned int k = $taken * lane; k < inner; k += $taken * 32) {
            const unsigned int first = n * inner + k;
            const unsigned int word = ((const $device unsigned int*)codes)[first / $taken];
            float w[$taken];
            $weights
            for (unsigned int m = 0; m < $rows; ++m) {
                if (m < rows) {
                    for (int j = 0; j < $taken; ++j) { sums[m] += w[j] * float(x[m * inner + k + j]); }
                }
            }
        }
        for (unsigned int m = 0; m < $rows; ++m) {
            if (m < rows) {
                const float total = $sum(sums[m]) $after;
                if (lane == 0) { out[m * outputs + n] = T(total); }
            }
        }
    }
""")
_FOUR = """const float scale = scales[first / 64];
            for (int j = 0; j < 4; ++j) {
                const unsigned int code = (word >> (8 * j)) & 255;
                w[2 * j] = VALUES[code / 16] * scale;
                w[2 * j + 1] = VALUES[code % 16] * scale;
            }"""
_EIGHT = "for (int j = 0; j < 4; ++j) { w[j] = float((signed char)((word >> (8 * j)) & 255)); }"


def unavailable_reason() -> str:
    """Why this thread's device cannot use the kernels; "" where it can. The first call on a GPU tries them."""
    if mx.default_device().type == mx.cpu:
        return "the kernels are for a GPU"
    return _tried()


def unpack(codes: mx.array, scales: mx.array, table: np.ndarray, dtype: mx.Dtype) -> mx.array:
    """Table value times scale, rounded once: codes uint8 [n] of two weights each, scales float32 [ceil(n / 32)], to
    [2 n] of `dtype`."""
    made = _kernel("unpack", _table(table))(
        inputs=[codes, scales],
        template=[("T", dtype)],
        grid=(codes.size, 1, 1),
        threadgroup=(_GROUP, 1, 1),
        output_shapes=[(2 * codes.size,)],
        output_dtypes=[dtype],
    )
    return made[0]


def multiply(x: mx.array, codes: mx.array, scales: mx.array, outputs: int, table: np.ndarray | None) -> mx.array:
    """x [..., in] times the transpose of packed weights [out, in], summed in float32: [..., out] in x's precision.

    With a table the codes are those of `unpack`; without, they are int8 [out, in], and scales are float32 [out],
    already divided by 127. For ROWS rows at most, of a multiple of STRIDE numbers.
    """
    rows = x.reshape(-1, x.shape[-1])
    made = _kernel("multiply", None if table is None else _table(table))(
        inputs=[rows, codes, scales],
        template=[("T", x.dtype)],
        grid=(32 * outputs, 1, 1),
        threadgroup=(_GROUP, 1, 1),
        output_shapes=[(rows.shape[0], outputs)],
        output_dtypes=[x.dtype],
    )
    return made[0].reshape(*x.shape[:-1], outputs)


def _table(table: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in table)


@functools.cache
def _kernel(what: str, table: tuple[float, ...] | None) -> Any:
    metal = mx.metal.is_available()
    words = _WORDS["metal" if metal else "cuda"]
    header = "" if metal else _CUDA_SUM
    if table is not None:
        header += _HEADER.substitute(words, values=", ".join(f"{value!r}f" for value in table))
    if what == "unpack":
        inputs, source = ["codes", "scales"], _UNPACK.substitute(words)
    else:
        inputs = ["x", "codes", "scales"]
        own = {"taken": 8, "outputs": "2 * codes_shape[0] / inner", "weights": _FOUR, "after": ""}
        if table is None:
            own = {"taken": 4, "outputs": "codes_shape[0]", "weights": _EIGHT, "after": "* scales[n]"}
        source = _MULTIPLY.substitute(words, rows=MAX_ROWS, **own)
    make = mx.fast.metal_kernel if metal else mx.fast.cuda_kernel
    name = f"hone_{what}_{abs(hash(table)) if table else 'int8'}"
    return make(name=name, input_names=inputs, output_names=["out"], source=source, header=header)


@functools.cache
def _tried() -> str:
    """What is wrong with the kernels on this GPU, found by comparing them with NumPy; "" for nothing."""
    draw = np.random.default_rng(0)
    table = draw.normal(size=16).astype(np.float32)
    codes, scales = draw.integers(0, 256, 3 * 64, np.uint8), draw.random(6, np.float32)
    dense = table[np.stack([codes >> 4, codes & 15], axis=1).reshape(-1)] * np.repeat(scales, 64)
    x, whole = draw.normal(size=(2, 128)).astype(np.float32), draw.integers(-127, 128, (5, 128), np.int8)
    rows = draw.random(5, np.float32)
    try:
        given = [mx.array(a) for a in (codes, scales, x, whole, rows)]
        made = [
            unpack(given[0], given[1], table, mx.float32),
            multiply(given[2], given[0], given[1], 3, table),
            multiply(given[2], given[3], given[4], 5, None),
        ]
        mx.eval(made)
    except (RuntimeError, ValueError) as error:  # what MLX raises where a kernel does not compile or start
        return f"they do not run on this GPU ({(str(error).strip().splitlines() or ['no word'])[0][:200]})"
    expected = [dense, x @ dense.reshape(3, 128).T, x @ (whole * rows[:, None]).T]
    for found, right in zip(made, expected, strict=True):
        if not np.allclose(np.array(found), right, rtol=1e-4, atol=1e-3):
            return "they give wrong numbers on this GPU"
    return ""
