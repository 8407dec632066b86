"""What is odd about where Hone runs, a sentence each: what keeps it from working well and a person can put right."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from core.text.sentence import say

MINIMUM_MACOS = 14
LEAST_FREE_BYTES = 2_000_000_000  # a run of a small model with its checkpoints
# Where the app's program lies; the thin app's launcher tells it, as Python itself lies elsewhere there.
APP = "HONE_APP"


def describe_surroundings(runs_folder: Path) -> list[str]:
    """Sentences about this machine and the folder that runs are kept in; [] where all is well."""
    mac = _oddities_of_mac() if sys.platform == "darwin" else ()
    return [*mac, *_oddities_of_folder(runs_folder)]


def is_virtual() -> bool:
    """Whether this Mac is a virtual machine."""
    return _sysctl("kern.hv_vmm_present") == "1"


def _oddities_of_mac() -> Iterator[str]:
    version = platform.mac_ver()[0]
    if int(version.partition(".")[0] or MINIMUM_MACOS) < MINIMUM_MACOS:
        yield say(
            "Hone needs macOS {minimum_macos} or newer; this is macOS {version}.",
            minimum_macos=MINIMUM_MACOS,
            version=version,
        )
    if _sysctl("sysctl.proc_translated") == "1":
        yield say('Hone runs in Rosetta, where it finds no GPU: in its Info window, switch off "Open using Rosetta".')
    if "/AppTranslocation/" in os.environ.get(APP, sys.executable):
        yield (
            say(
                "macOS runs Hone from a temporary copy, as it was opened where it had been downloaded: move it "
                "to Applications with the Finder."
            )
        )


def _oddities_of_folder(folder: Path) -> Iterator[str]:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        free = shutil.disk_usage(place).free
        read_only = bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError as error:
        yield say("The folder for runs, {folder}, cannot be looked at: {reason}.", folder=folder, reason=error)
        return
    if read_only:
        yield say("The disk with {folder} is read-only: no run can be kept there.", folder=folder)
    elif not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield say(
            "Hone may not write into {place}, where runs are kept: it belongs to somebody else, or is no folder.",
            place=place,
        )
    elif free < LEAST_FREE_BYTES:
        yield say("The disk with {folder} is nearly full: {free:,.0f} MB are free.", folder=folder, free=free / 1e6)


def _sysctl(name: str) -> str:
    """A fact that macOS keeps under this name; "" where it has none."""
    try:
        return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
