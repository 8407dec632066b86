"""Building the kernels for this machine's GPU, and running them."""

import functools
from string import Template
from typing import Any

import mlx.core as mx

from core.model.kernels import texts

_THREADS_PER_GROUP = 256  # eight warps
_WORDS: dict[str, dict[str, str]] = {
    "cuda": {
        "thread": "(blockIdx.x * blockDim.x + threadIdx.x)",
        "device": "",
        "sum": "warp_sum",
        "rsqrt": "rsqrtf",
        "exp": "__expf",
    },
    "metal": {
        "thread": "thread_position_in_grid.x",
        "device": "device",
        "sum": "simd_sum",
        "rsqrt": "rsqrt",
        "exp": "exp",
    },
}
_CUDA_SUM = """
__device__ inline float warp_sum(float x) {
    for (int step = 16; step > 0; step /= 2) { x += __shfl_xor_sync(0xffffffffu, x, step); }
    return x;
}
"""
_HEADER = "template <typename T, int N> struct alignas(N * sizeof(T)) Pack { T v[N]; };\n"
KERNELS: dict[str, tuple[Template, list[str], list[str]]] = {
    "add_norm": (texts.ADD_NORM, ["x", "r", "weight"], ["hidden", "out", "inverse_rms"]),
    "add_norm_back": (texts.ADD_NORM_BACK, ["grad", "carry", "hidden", "weight", "inverse_rms"], ["out"]),
    "swiglu": (texts.SWIGLU, ["gate_up"], ["out"]),
    "swiglu_back": (texts.SWIGLU_BACK, ["grad", "gate_up"], ["out"]),
    "qk_rope": (texts.QK_ROPE, ["qkv", "q_weight", "k_weight", "cosine", "sine"], ["q", "k"]),
    "qk_rope_back": (
        texts.QK_ROPE_BACK,
        ["q_grad", "k_grad", "v_grad", "qkv", "q_weight", "k_weight", "cosine", "sine"],
        ["out"],
    ),
}


def source(name: str, language: str, values: tuple[tuple[str, Any], ...]) -> str:
    """The text of a kernel's body in "cuda" or "metal"."""
    return KERNELS[name][0].substitute(_WORDS[language], **dict(values))


@functools.cache
def build(name: str, values: tuple[tuple[str, Any], ...]) -> Any:
    """A kernel with its constants; `values` are (name, value) pairs."""
    metal = mx.metal.is_available()
    _, inputs, outputs = KERNELS[name]
    suffix = "_".join(str(value).replace("-", "m").replace(".", "p") for _, value in values)
    make = mx.fast.metal_kernel if metal else mx.fast.cuda_kernel
    return make(
        name=f"hone_{name}_{suffix}",
        input_names=inputs,
        output_names=outputs,
        source=source(name, "metal" if metal else "cuda", values),
        header=_HEADER if metal else _CUDA_SUM + _HEADER,
    )


def run(name: str, values: dict[str, Any], inputs: list[mx.array], threads: int, outputs: list[Any]) -> Any:
    """The outputs of a kernel run by so many threads; `outputs` are (shape, dtype) pairs."""
    return build(name, tuple(sorted(values.items())))(
        inputs=inputs,
        template=[("T", inputs[0].dtype)],
        grid=(threads, 1, 1),
        threadgroup=(_THREADS_PER_GROUP, 1, 1),
        output_shapes=[shape for shape, _ in outputs],
        output_dtypes=[dtype for _, dtype in outputs],
    )
