"""Whether the computer slept: a clock that goes on while it sleeps has run ahead of one that stands still.

time.perf_counter(), by which steps are timed, stands still on both systems: no step counts its sleep.
"""

import sys
import time

MIN_SECONDS = 5.0  # less is no sleep that anybody needs to know of


class SleepClock:
    """Tells how long the computer has slept since it was asked last."""

    def __init__(self) -> None:
        self._slept = seconds_asleep()

    def new_seconds(self) -> float:
        """Seconds of sleep since the last call, 0 where there were none worth telling."""
        before, self._slept = self._slept, seconds_asleep()
        slept = self._slept - before
        return slept if slept >= MIN_SECONDS else 0.0


def seconds_asleep() -> float:
    """Seconds that the computer has slept since it was started, on a scale of its own; 0 where it cannot be told."""
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    return 0.0


def describe(seconds: float) -> str:
    """ "2 h 3 min", "4 min" or "12 s"."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
