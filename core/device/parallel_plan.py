"""How many batches of a run are computed side by side. Needs no MLX."""

import os
import sys
from typing import Any

from core.device import openblas

MOST = 2  # measured on two cores only


def parallel_batches(run: Any, device: str) -> int:
    """How many batches of a core.run.Run a "cpu" or "gpu" computes at a time; see core.device.parallel.

    One on a GPU; where OpenBLAS, which can be told to take one core a product, is not loaded; with dropout, which draws
    random numbers; and for full fine-tuning, where each batch would have a gradient as large as the model. Else as many
    as this processor has cores for, MOST at the most.
    """
    library, _ = openblas.report()
    if device != "cpu" or not library or run.adapter.dropout or run.adapter.type == "full":
        return 1
    return usable_cores()


def usable_cores() -> int:
    """Cores on which pieces of a step are computed side by side."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(MOST, cores)
