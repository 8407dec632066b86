"""The learning rate of each optimizer step, over the run's real number of steps.

The shapes are those of transformers' get_scheduler: step 1 of a warm-up has learning rate zero, and the rate after the
last step would be zero.
"""

import math


def learning_rate(step: int, *, peak: float, schedule: str, warmup: int, total: int) -> float:
    """The learning rate of optimizer step `step` (from 1) for the schedule "constant", "linear" or "cosine".

    `peak` is reached after `warmup` steps; `total` is the number of steps of the run.
    """
    completed = step - 1
    if completed < warmup:
        return peak * completed / warmup
    if schedule == "constant":
        return peak
    progress = (completed - warmup) / max(1, total - warmup)
    if schedule == "linear":
        return peak * max(0.0, 1 - progress)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def default_warmup(schedule: str, total: int) -> int:
    """5 % of the steps, at most 100; none when the schedule is constant."""
    return 0 if schedule == "constant" else min(100, round(total * 0.05))
