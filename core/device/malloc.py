"""Memory that was freed stays with the process for a while, on Linux, where MLX's CPU backend asks for it anew in
every operation.

By default glibc gives large pieces back to the system at once and threads other than the first keep none at all; the
system clears every page before it gives it out again. That took an eighth of a training step's processor time, seen
with `perf` on two cores. Nothing changes on a Mac.
"""

import ctypes
import sys

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -2, -3, -8
KEPT = 1 << 30  # bytes that may lie free at the end of the heap
LARGEST = 32 << 20  # pieces up to this come from the heap; glibc allows no more


def give_back() -> bool:
    """Give freed memory back to the system, where keep_freed() lets the C library keep it; returns whether any went.

    For the end of work that took much. On any thread; another one that asks for memory meanwhile waits.
    """
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (OSError, AttributeError):  # another C library
        return False


def keep_freed() -> bool:
    """Let the C library keep freed memory for reuse; returns whether it does. Call it before there are threads."""
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    wanted = ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, LARGEST), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, 64 << 20))
    return all([mallopt(which, value) == 1 for which, value in wanted])
