"""Memory that work with a model held goes back to the computer when the work is over."""

from collections.abc import Generator
from typing import TypeVar

import mlx.core as mx

from core.device.malloc import give_back

Item = TypeVar("Item")
Result = TypeVar("Result")


def releasing(events: Generator[Item, None, Result]) -> Generator[Item, None, Result]:
    """The items of work that holds arrays, and its result; behind it the buffers of those arrays are given back.

    That is for the caller of the work to do: while the work runs its arrays live in it, and what is freed when it ends
    MLX keeps for reuse, gigabytes of it; on the CPU the C library does as well.
    """
    try:
        return (yield from events)
    finally:
        events.close()
        del events
        mx.clear_cache()
        give_back()
