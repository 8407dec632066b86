"""Keep a Mac from falling asleep while a run works; the display may sleep, and does.

`caffeinate` is the system's own way to ask for it. It ends with this process, whatever becomes of it. Its `-d`, which
keeps the display on, is not used: it costs power, and Macs that trained for hours with it have crashed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

PROGRAM = "/usr/bin/caffeinate"


def on_a_mac() -> bool:
    return sys.platform == "darwin"


@contextmanager
def keep_awake() -> Iterator[bool]:
    """Within it the machine stays awake, also while nobody uses it.

    The value says whether that was asked for: elsewhere than on a Mac it is not, and nothing happens.
    """
    process = None
    if on_a_mac() and os.access(PROGRAM, os.X_OK):
        # -i: no sleep while idle; -s: none on mains power at all; -w: until this process ends.
        process = subprocess.Popen(
            [PROGRAM, "-i", "-s", "-w", str(os.getpid())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield process is not None
    finally:
        if process is not None:
            process.terminate()
            process.wait()
