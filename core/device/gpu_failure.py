"""What a GPU's error means: MLX raises all of them as RuntimeError, and only the text tells one from another.

On a Mac the system ends a piece of work that keeps the GPU for too long, and MLX keeps that error until it next waits
for the GPU or gives it something to do: an evaluation may return while its numbers are worthless. finish_work() waits,
so that an error comes up where it belongs. The texts are Metal's own, between MLX's "[METAL] Command buffer execution
failed:" and its code; those of allocations are MLX's.
"""

from enum import Enum
from typing import Any

import mlx.core as mx

from core.text.sentence import say


class GPUFailure(Enum):
    """Why the GPU did not do a piece of work; the value says it in the middle of a sentence."""

    TOO_LONG = say("the system ended a piece of work that kept the GPU for too long")
    OUT_OF_MEMORY = say("the GPU's memory did not suffice")
    TOO_MANY_BUFFERS = say("there were more pieces of memory than the system gives out")
    VICTIM = say("the GPU was reset for something else that ran on it")
    LOST = say("the system gives this program no more time on the GPU")


# By what the texts have in common, the narrower first. Codes: IOGPU's (kIOGPUCommandBufferCallbackError...).
_MARKS = (
    (GPUFailure.TOO_MANY_BUFFERS, ("resource limit (",)),
    (GPUFailure.LOST, ("errorsubmissionsignored", "erroraccessrevoked", "errordeviceremoved")),
    (GPUFailure.VICTIM, ("errorinnocentvictim", "victim of gpu error")),
    (GPUFailure.OUT_OF_MEMORY, ("erroroutofmemory", "insufficient memory")),
    (GPUFailure.TOO_LONG, ("errortimeout", "errorimpactinginteractivity", "errorhang", "0000000e:internal error")),
)
_ALLOCATION = ("[malloc]", "[metal::malloc]", "unable to allocate", "out of memory", "cudaerrormemoryallocation")


def find_failure(error: BaseException) -> GPUFailure | None:
    """What kind of GPU failure an error tells of; None for anything else."""
    if not isinstance(error, RuntimeError):
        return None
    text = str(error).lower()
    for failure, marks in _MARKS:
        if any(mark in text for mark in marks):
            return failure
    return GPUFailure.OUT_OF_MEMORY if any(mark in text for mark in _ALLOCATION) else None


def can_recover(device: str) -> bool:
    """Whether work on a "gpu" or "cpu" that failed can be done again in this process: on Metal.

    CUDA's errors stay with the process, and a processor's end it.
    """
    return device == "gpu" and mx.metal.is_available()


def finish_work(*trees: Any) -> None:
    """Evaluate trees of arrays and wait until the GPU is done; raises what went wrong with them."""
    mx.eval(*trees)
    mx.synchronize()
