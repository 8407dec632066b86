"""Verdicts of probes that were made on this machine, so that a model is tried once.

An entry that says "trying" was never finished: the process that tried was killed, and perhaps by the trying. It counts
as a crash. Such marks hold until the system, coremltools or Hone are others than they were, until somebody asks for
another try, or until made-up models went well in `hone doctor --ane`.
"""

import functools
import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from core import __version__
from core.ane.program import GENERATOR
from core.ane.verdict import Verdict, refused
from core.device.select import cpu_name
from core.files.atomic_files import replacing
from core.packages.versions import package_version
from core.text.sentence import pack, say, unpack

TRYING = "trying"  # in the place of a code
ENDED_BADLY = (TRYING, "crash", "timeout")
CLEARED = "cleared"  # in the place of a key: when marks were last taken away, in seconds since 1970
_NEVER_ENDED = say(
    "An earlier try of this model never came to an end, and is not repeated before macOS, "
    "coremltools or Hone change, or `hone doctor --ane --again` is asked for."
)


def usual_file() -> Path:
    """Where verdicts are kept."""
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "neural-engine.json"


def machine_key() -> list[str]:
    """What of this machine a verdict holds for: the chip, the system's build, and who writes and reads programs."""
    coremltools = package_version("coremltools") or ""
    return [cpu_name(), _system_build(), coremltools, str(GENERATOR), __version__]


def verdict_key(model: Any, length: int, ranks: Mapping[str, int], machine: list[str]) -> str:
    """A name for a probe: of a model (whatever its weights follow from), a bucket, the adapters' ranks, a machine."""
    text = json.dumps([model, length, sorted(ranks.items()), machine])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class VerdictCache:
    """The verdicts in a file, by key. A file that cannot be read holds none."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or usual_file()

    def get(self, key: str) -> tuple[Verdict | None, dict[str, Any]] | None:
        """(why not, or None; what was found) of an earlier probe; None where there was none."""
        entry = self._read().get(key)
        if entry is None:
            return None
        if entry["code"] == TRYING:
            return refused("crash", _NEVER_ENDED), {}
        verdict = None if entry["code"] is None else refused(entry["code"], unpack(entry["reason"]))
        return verdict, dict(entry["facts"])

    def begin(self, key: str) -> None:
        """Note that a probe begins, for the case that it never comes to an end."""
        self._write(key, {"code": TRYING})

    def put(self, key: str, verdict: Verdict | None, facts: dict[str, Any]) -> None:
        """Keep what a probe found."""
        code, reason = (verdict.code, verdict.reason) if verdict else (None, "")
        self._write(key, {"code": code, "reason": pack(reason), "facts": facts})

    @contextmanager
    def first_use(self, key: str) -> Iterator[None]:
        """Within it the program of a verdict is used for the first time: whatever kills this process is remembered."""
        before = self._read().get(key)
        self.begin(key)
        try:
            yield
        finally:
            if before is not None:
                self._write(key, before)

    @property
    def left_alone(self) -> int:
        """How many models are not tried again, because a try of them crashed, hung or was killed."""
        return sum(entry["code"] in ENDED_BADLY for entry in self._read().values())

    def forget_crashes(self) -> int:
        """Let what was killed, hung or crashed be tried again; how many models that are."""
        entries = self._read()
        kept = {key: entry for key, entry in entries.items() if entry["code"] not in ENDED_BADLY}
        self._replace(kept, cleared=time.time())
        return len(entries) - len(kept)

    def still_counts(self, mark: Mapping[str, Any]) -> bool:
        """Whether a mark() of a run that was killed says something of this machine as it is now."""
        return mark.get("machine") == machine_key() and float(mark.get("at", 0)) > self._cleared()

    def _cleared(self) -> float:
        return float(self._load().get(CLEARED, {}).get("at", 0))

    def _load(self) -> dict[str, Any]:
        """All that the file holds: dicts by key."""
        try:
            entries = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {k: v for k, v in entries.items() if isinstance(v, dict)} if isinstance(entries, dict) else {}

    def _read(self) -> dict[str, Any]:
        """The entries of this machine as it is now."""
        machine = machine_key()
        return {k: v for k, v in self._load().items() if v.get("machine") == machine and k != CLEARED}

    def _write(self, key: str, entry: Mapping[str, Any]) -> None:
        self._replace(self._read() | {key: {**entry, "machine": machine_key()}})

    def _replace(self, entries: dict[str, Any], cleared: float | None = None) -> None:
        """Keep these entries alone: what was found with another system or Hone is not looked for again."""
        at = {CLEARED: {"at": self._cleared() if cleared is None else cleared}}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as temporary:
            temporary.write_text(json.dumps(entries | at, indent=1) + "\n", "utf-8")


def mark() -> dict[str, Any]:
    """What a run leaves in its folder while it uses the Neural Engine, see VerdictCache.still_counts()."""
    return {"machine": machine_key(), "at": time.time()}


@functools.cache
def _system_build() -> str:
    if sys.platform == "darwin":
        asked = subprocess.run(["/usr/bin/sw_vers", "-buildVersion"], capture_output=True, text=True, check=False)
        return asked.stdout.strip() or platform.mac_ver()[0]
    return platform.release()
