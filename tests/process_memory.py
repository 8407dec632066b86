"""What a process takes, measured by itself."""

import resource
import sys
from pathlib import Path


def resident_bytes() -> int:
    """Memory that this process has now; on macOS the most that it had."""
    return _status("VmRSS")


def peak_bytes() -> int:
    """The most memory that this process had since its program began.

    getrusage() would count on Linux what its parent had when it was forked.
    """
    return _status("VmHWM")


def _status(name: str) -> int:
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
