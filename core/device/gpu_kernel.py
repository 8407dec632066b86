"""Kernels of our own for a GPU from one source for Metal and CUDA, in which only a few words differ."""

import hashlib
from typing import Any, Literal

import mlx.core as mx

from core.device.cuda_kernel import CudaKernel

Language = Literal["cuda", "metal"]
THREADS_PER_GROUP = 256  # eight warps (Metal: SIMD groups) of 32
WORDS: dict[Language, dict[str, str]] = {  # for indices, memory, tables of constants, warps and functions
    "cuda": {
        "thread": "(blockIdx.x * blockDim.x + threadIdx.x)",
        "device": "",
        "table": "__device__ const float",
        "shared": "__shared__",
        "barrier": "__syncthreads()",
        "warp_barrier": "__syncwarp()",
        "sum": "warp_sum",
        "shuffle": "warp_shuffle",
        "rsqrt": "rsqrtf",
        "exp": "__expf",
        "log": "logf",
    },
    "metal": {
        "thread": "thread_position_in_grid.x",
        "device": "device",
        "table": "constant float",
        "shared": "threadgroup",
        "barrier": "threadgroup_barrier(mem_flags::mem_threadgroup)",
        "warp_barrier": "simdgroup_barrier(mem_flags::mem_threadgroup)",
        "sum": "simd_sum",
        "shuffle": "simd_shuffle_xor",
        "rsqrt": "rsqrt",
        "exp": "exp",
        "log": "log",
    },
}
_CUDA_WARP = """
__device__ inline float warp_sum(float x) {
    for (int step = 16; step > 0; step /= 2) { x += __shfl_xor_sync(0xffffffffu, x, step); }
    return x;
}
__device__ inline float warp_shuffle(float x, int lanes) { return __shfl_xor_sync(0xffffffffu, x, lanes); }
"""


def language() -> Language:
    """The language of this machine's GPU."""
    return "metal" if mx.metal.is_available() else "cuda"


def build_kernel(name: str, inputs: list[str], outputs: list[str], source: str, header: str, shared: int = 0) -> Any:
    """A kernel from its body and header, written with the WORDS of language(). `shared`: bytes of memory that CUDA lets
    each group of threads share beside what the text names."""
    if language() == "cuda":
        return CudaKernel(name, inputs, outputs, source, _CUDA_WARP + header, shared)
    # MLX knows compiled kernels by their names alone: another text must have another name.
    name = f"{name}_{hashlib.sha256((header + source).encode()).hexdigest()[:16]}"
    return mx.fast.metal_kernel(name=name, input_names=inputs, output_names=outputs, source=source, header=header)
