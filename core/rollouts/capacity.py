"""How many completions can be generated at once: whether the architecture allows it, and how many fit into memory."""

from typing import Any

import mlx.core as mx
import psutil

from core.model.packed_mask import TOLERANCE
from core.rollouts.batch_generate import prefill
from core.text.sentence import say

MEMORY_SHARE = 0.25  # of the free memory; the rest is for the model's activations and the training step


def fit_batch_size(model: Any, max_length: int, requested: int) -> tuple[int, int]:
    """(completions at once, bytes of cache for each): as many as requested, or as the memory holds.

    `max_length` counts the tokens of prompt and completion together.
    """
    size = cache_bytes(model, max_length)
    return max(1, min(requested, int(MEMORY_SHARE * _free_bytes() / size))), size


def check_batching(model: Any, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether completions generated at once equal those generated one by one, the reason), tried on this model.

    Both are given the same tokens: if each sampled its own, they would diverge at the first near tie, which rounding
    decides in 16 bit, and everything after it would differ.
    """
    prompts, completions = [[1, 2, 3], [4, 5, 6, 7, 8, 9]], [[7, 3, 5], [2, 8, 4]]
    single_logits = [model(mx.array([p + c]))[0, len(p) - 1 :] for p, c in zip(prompts, completions, strict=True)]
    try:
        cache, last_tokens = prefill(model, prompts, [0, 1], batched=True)
        steps = [last_tokens, *(mx.array(tokens) for tokens in zip(*completions, strict=True))]
        batched_logits = [model(tokens[:, None], cache=cache)[:, -1] for tokens in steps]
        logits = mx.stack(batched_logits, axis=1).astype(mx.float32)
        expected = mx.stack(single_logits).astype(mx.float32)
        mx.eval(logits, expected)
    except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError):
        return False, say("this architecture cannot write several answers at once")
    if not float(mx.linalg.norm(logits - expected) / mx.linalg.norm(expected)) <= TOLERANCE.get(dtype, 1e-4):
        return False, say("on this architecture, answers written at once come out differently")
    return True, say("tried on this model: several at once come out as each by itself")


def cache_bytes(model: Any, max_length: int) -> int:
    """Bytes of cache for one sequence of `max_length` tokens, extrapolated from a short one."""
    from mlx_lm.models.cache import make_prompt_cache

    cache = make_prompt_cache(model)
    mx.eval(model(mx.array([[1, 2]]), cache=cache))
    total = 0.0
    for layer in cache:
        keys = getattr(layer, "keys", None)
        if keys is None:  # a state of fixed size
            total += layer.nbytes
        else:
            length = min(max_length, getattr(layer, "max_size", max_length))
            total += layer.nbytes / keys.shape[2] * length
    return max(1, int(total))


def _free_bytes() -> int:
    if mx.default_device().type == mx.DeviceType.gpu:
        limit = int(mx.device_info().get("max_recommended_working_set_size", 0))
        if limit:
            return max(0, limit - int(mx.get_active_memory()))
    return int(psutil.virtual_memory().available)
