"""Which runs on a processor have the gradient of their steps computed with NumPy (core.training.numpy_gradient): what
follows from the run and the model's config.json, before anything is loaded.

Needs no MLX: the estimate of memory reads it too. What only the loaded model tells, core.training.numpy_gradient asks.
"""

from core.run import Run
from core.text.sentence import say


def objection_to_numpy(run: Run, in_float32: bool) -> str:
    """Why MLX computes the gradient of a run's steps, as a sentence's part; "" where nothing in the run objects.

    `in_float32`: whether the run computes in numbers of 32 bit.
    """
    if not in_float32:
        return say("it is for 32 bit")
    if run.adapter.type != "lora" or run.adapter.dropout:
        return say("it is for LoRA without dropout")
    if run.spec.divergence or run.spec.precomputed:
        return say("another model computes in the middle of a step")
    return ""
