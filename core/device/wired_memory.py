"""Wired memory: what a Mac's system may not swap out or compress, so that a GPU need not wait for it.

MLX wires nothing unless told to. As much as a run needs is wired, and never more than Metal recommends: the rest of the
computer has to live, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import mlx.core as mx


def choose_wired_bytes(needed: int | None, recommended: int) -> int:
    """Bytes to wire for a run that needs so many (None: not known) where Metal recommends no more than others."""
    return min(needed or recommended, recommended)


@contextmanager
def wired(needed: int | None) -> Iterator[int | None]:
    """Within it, what a run needs is wired on Metal; the value says how many bytes, None where nothing is."""
    if not mx.metal.is_available() or mx.default_device() != mx.gpu:
        yield None
        return
    recommended = int(mx.device_info(mx.Device(mx.gpu)).get("max_recommended_working_set_size", 0))
    if not recommended:
        yield None
        return
    limit = choose_wired_bytes(needed, recommended)
    before = mx.set_wired_limit(limit)
    try:
        yield limit
    finally:
        mx.set_wired_limit(before)
