"""Sampling the next token of each row as one kernel: MLX takes fifteen pieces of work, each over all logits."""

import mlx.core as mx

from core.device.gpu_kernel import THREADS_PER_GROUP
from core.model.kernels.run import run

_CHUNK = 2048  # weights whose sum is kept
_MOST_CHUNKS = 256


def takes_logits(logits: mx.array) -> bool:
    """Whether the kernel can sample from these logits [N, V]."""
    return bool(logits.shape[1] % 8 == 0 and logits.shape[1] <= _CHUNK * _MOST_CHUNKS)


def kernel_sample_token(logits: mx.array, uniform: mx.array, temperature: float) -> tuple[mx.array, mx.array, mx.array]:
    """(tokens int32, log-probabilities and entropies float32), each [N], as core.rollouts.sampling.sample_tokens gives
    them at a temperature above 0 without filters, from logits [N, V] and a uniform number for each row [N]."""
    rows, width = logits.shape
    constants = {"scale": 1 / temperature, "chunk": _CHUNK, "chunks": -(-width // _CHUNK)}
    shapes = [((rows,), dtype) for dtype in (mx.int32, mx.float32, mx.float32)]
    inputs = [logits, uniform.astype(mx.float32)]
    tokens, logps, entropies = run("sample_token", constants, inputs, THREADS_PER_GROUP * rows, shapes)
    return tokens, logps, entropies
