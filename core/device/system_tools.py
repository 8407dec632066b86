"""What the system's own small programs print, which is where a Mac tells of its power, heat and memory."""

import subprocess
import sys

SYSCTL, PMSET = "/usr/sbin/sysctl", "/usr/bin/pmset"
TIMEOUT_SECONDS = 5


def on_a_mac() -> bool:
    return sys.platform == "darwin"


def ask(*command: str) -> str:
    """What a program prints; "" where it cannot be run, fails or takes too long."""
    try:
        asked = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout if asked.returncode == 0 else ""
