"""The memory that this process holds, all of it: MLX's arrays are only a part."""

import ctypes
import os
import sys

COPY_SHARE = 0.1  # of the free memory, which a copy of weights may take

_USAGE_V0 = 0  # RUSAGE_INFO_V0 of <sys/resource.h>
_FOOTPRINT = 7  # of its fields behind the identifier


class _Usage(ctypes.Structure):
    """rusage_info_v0 of macOS."""

    _fields_ = [("uuid", ctypes.c_uint8 * 16), ("values", ctypes.c_uint64 * 10)]


def read_process_memory() -> int:
    """Bytes; on a Mac the physical footprint, as its Activity Monitor shows it, elsewhere the resident set."""
    if sys.platform == "darwin" and (footprint := _read_footprint()):
        return footprint
    import psutil

    return int(psutil.Process().memory_info().rss)


def has_room_for_copy(size: int) -> bool:
    """Whether so many bytes of weights may be in memory once more, which saves time."""
    import psutil

    return size <= COPY_SHARE * int(psutil.virtual_memory().available)


def _read_footprint() -> int:
    """0 where the system does not tell."""
    usage = _Usage()
    read = ctypes.CDLL(None).proc_pid_rusage
    return 0 if read(os.getpid(), _USAGE_V0, ctypes.byref(usage)) else int(usage.values[_FOOTPRINT])
