"""Whether the computer is short of memory: noticed before it stands still.

A Mac says so itself (kern.memorystatus_vm_pressure_level: 1 normal, 2 warning, 4 critical). Linux counts the share of
time in which programs wait for memory (/proc/pressure/memory), and how much memory is left.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from core.device import system_tools
from core.text.sentence import say

PROC = Path("/proc")
LEVELS = {1: "normal", 2: "warning", 4: "critical"}  # of a Mac
WAITING_PERCENT = {"critical": 20.0, "warning": 5.0}  # of the last ten seconds, in which everything waits for memory
LOW_SHARE = 0.05  # of all memory: less is available under pressure
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class MemoryPressure:
    """How short the computer is of memory."""

    level: str  # "normal", "warning" or "critical"
    swap_bytes: int  # in use

    @property
    def words(self) -> str:
        """The state as a sentence without its full stop; "" where it is normal."""
        if self.level == "normal":
            return ""
        short = (
            say("The computer is very short of memory")
            if self.level == "critical"
            else say("The computer is short of memory")
        )
        return (
            say("{short} ({size:.1f} GB swapped out to the disk)", short=short, size=self.swap_bytes / 1e9)
            if self.swap_bytes
            else short
        )


def read_memory_pressure() -> MemoryPressure | None:
    """The state now; None where the system does not tell."""
    if system_tools.on_a_mac():
        keys = ("kern.memorystatus_vm_pressure_level", "vm.swapusage")
        return parse_sysctl(system_tools.ask(system_tools.SYSCTL, "-n", *keys))
    try:
        meminfo = (PROC / "meminfo").read_text()
    except OSError:
        return None
    try:
        waiting = (PROC / "pressure" / "memory").read_text()
    except OSError:  # a kernel without it
        waiting = ""
    return parse_linux(meminfo, waiting)


def parse_sysctl(text: str) -> MemoryPressure | None:
    """From `sysctl -n kern.memorystatus_vm_pressure_level vm.swapusage`: "1" and "total = 2048.00M  used = ..."."""
    level, _, swap = text.strip().partition("\n")
    if not level.strip().isdigit():
        return None
    used = re.search(r"used = ([\d.,]+)([KMGT])", swap)
    swap_bytes = int(float(used[1].replace(",", ".")) * _UNITS[used[2]]) if used else 0
    return MemoryPressure(LEVELS.get(int(level), "normal"), swap_bytes)


def parse_linux(meminfo: str, waiting: str) -> MemoryPressure | None:
    """From /proc/meminfo and /proc/pressure/memory ("" where there is none)."""
    kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", meminfo, re.MULTILINE)}
    if not {"MemTotal", "MemAvailable"} <= kilobytes.keys():
        return None
    swap_total, swap_free = kilobytes.get("SwapTotal", 0), kilobytes.get("SwapFree", 0)
    swap_bytes = (swap_total - swap_free) * 1024
    left = kilobytes["MemAvailable"]
    is_low = left < LOW_SHARE * kilobytes["MemTotal"]
    full = re.search(r"^full avg10=([\d.]+)", waiting, re.MULTILINE)
    if not is_low:  # other programs in a group of their own may wait for memory while there is plenty
        return MemoryPressure("normal", swap_bytes)
    if full is None:  # all that can be told is that neither memory nor swap has much left
        level = "critical" if left + swap_free < LOW_SHARE * kilobytes["MemTotal"] else "warning"
        return MemoryPressure(level, swap_bytes)
    share = float(full[1])
    level = next((name for name, percent in WAITING_PERCENT.items() if share >= percent), "normal")
    return MemoryPressure(level, swap_bytes)
