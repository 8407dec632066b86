"""How many answers can be written at once: whether the architecture can, and how many fit into the memory."""

from typing import Any

import mlx.core as mx
import psutil

from core.model.packed_mask import EXACT
from core.rollouts.batch_generate import prefill

SHARE = 0.25  # of the free memory; the model's own work and the learning need the rest


def fit_batch_size(model: Any, longest: int, wanted: int) -> tuple[int, int]:
    """(answers at once, bytes for each) for texts of `longest` tokens: `wanted`, or as many as the memory holds."""
    size = cache_bytes(model, longest)
    return max(1, min(wanted, int(SHARE * _free() / size))), size


def check_batching(model: Any, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether several answers at once come out as each by itself does, why), tried on this model.

    Both ways are given the same tokens: picked by each, they would part at the first near tie, which rounding decides
    in 16 bit, and all that follows would differ.
    """
    prompts, answers = [[1, 2, 3], [4, 5, 6, 7, 8, 9]], [[7, 3, 5], [2, 8, 4]]
    apart = [model(mx.array([p + a]))[0, len(p) - 1 :] for p, a in zip(prompts, answers, strict=True)]
    try:
        cache, step = prefill(model, prompts, [0, 1], batched=True)
        steps = [step, *(mx.array(tokens) for tokens in zip(*answers, strict=True))]
        together = [model(tokens[:, None], cache=cache)[:, -1] for tokens in steps]
        found, wanted = mx.stack(together, axis=1).astype(mx.float32), mx.stack(apart).astype(mx.float32)
        mx.eval(found, wanted)
    except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError):
        return False, "this architecture cannot write several answers at once"
    if not float(mx.linalg.norm(found - wanted) / mx.linalg.norm(wanted)) <= EXACT.get(dtype, 1e-4):
        return False, "on this architecture, answers written at once come out differently"
    return True, "tried on this model: several at once come out as each by itself"


def cache_bytes(model: Any, longest: int) -> int:
    """Bytes that the caches of one text of `longest` tokens take, measured on a short one."""
    from mlx_lm.models.cache import make_prompt_cache

    caches = make_prompt_cache(model)
    mx.eval(model(mx.array([[1, 2]]), cache=caches))
    total = 0.0
    for cache in caches:
        keys = getattr(cache, "keys", None)
        if keys is None:  # a state of fixed size
            total += cache.nbytes
        else:
            held = min(longest, getattr(cache, "max_size", longest))
            total += cache.nbytes / keys.shape[2] * held
    return max(1, int(total))


def _free() -> int:
    if mx.default_device().type == mx.DeviceType.gpu:
        limit = int(mx.device_info().get("max_recommended_working_set_size", 0))
        if limit:
            return max(0, limit - mx.get_active_memory())
    return int(psutil.virtual_memory().available)
