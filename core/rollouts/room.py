"""How many answers fit into the memory while they are written."""

from typing import Any

import mlx.core as mx
import psutil

SHARE = 0.25  # of the free memory; the model's own work and the learning need the rest


def fitting(model: Any, longest: int, wanted: int) -> tuple[int, int]:
    """(answers at once, bytes for each) for texts of `longest` tokens: `wanted`, or as many as the memory holds."""
    size = row_bytes(model, longest)
    return max(1, min(wanted, int(SHARE * _free() / size))), size


def row_bytes(model: Any, longest: int) -> int:
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
