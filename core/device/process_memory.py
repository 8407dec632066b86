"""The memory that this process holds, all of it: MLX's arrays are only a part."""

import ctypes
import os
import sys

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


def _read_footprint() -> int:
    """0 where the system does not tell."""
    usage = _Usage()
    read = ctypes.CDLL(None).proc_pid_rusage
    return 0 if read(os.getpid(), _USAGE_V0, ctypes.byref(usage)) else int(usage.values[_FOOTPRINT])
