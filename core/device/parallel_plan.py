"""How many batches of a run are computed at once. Needs no MLX."""

import os
from typing import Any

from core.device import openblas

MOST = 2  # measured on two cores only


def parallel_batches(run: Any, device: str) -> int:
    """Of a core.run.Run on a "cpu" or "gpu": 1, or as many as this processor has cores for; see core.device.parallel.

    1 where the products cannot be told to take one core each, where dropout draws by chance, and for full fine-tuning,
    where each batch would have a gradient as large as the model.
    """
    loaded, _ = openblas.report()
    if device != "cpu" or not loaded or run.adapter.dropout or run.adapter.type == "full":
        return 1
    return min(MOST, len(os.sched_getaffinity(0)))
