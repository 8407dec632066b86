"""Verdicts of probes that were made on this machine, so that a model is tried once.

An entry that says "trying" was never finished: the process that tried was killed, and perhaps by the trying. It counts
as a crash, which is not tried again until somebody asks for it.
"""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from core.ane.program import GENERATOR
from core.ane.verdict import Verdict, refused
from core.atomic_files import replacing
from core.device.select import cpu_name

TRYING = "trying"
_NEVER_ENDED = (
    "An earlier try of this model never came to an end, and is not repeated before `hone doctor --ane --again`."
)


def usual_file() -> Path:
    """Where verdicts are kept."""
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "neural-engine.json"


def machine_key() -> list[str]:
    """What of this machine a verdict holds for: the chip, the system's build, and who writes and reads programs."""
    try:
        coremltools = importlib.metadata.version("coremltools")
    except importlib.metadata.PackageNotFoundError:
        coremltools = ""
    return [cpu_name(), _system_build(), coremltools, str(GENERATOR)]


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
        if entry == TRYING:
            return refused("crash", _NEVER_ENDED), {}
        verdict = None if entry["code"] is None else refused(entry["code"], entry["reason"])
        return verdict, dict(entry["facts"])

    def begin(self, key: str) -> None:
        """Note that a probe begins, for the case that it never comes to an end."""
        self._write(key, TRYING)

    def put(self, key: str, verdict: Verdict | None, facts: dict[str, Any]) -> None:
        """Keep what a probe found."""
        code, reason = (verdict.code, verdict.reason) if verdict else (None, "")
        self._write(key, {"code": code, "reason": reason, "facts": facts})

    @contextmanager
    def first_use(self, key: str) -> Iterator[None]:
        """Within it the program of a verdict is used for the first time: whatever kills this process is remembered."""
        before = self._read().get(key)
        self.begin(key)
        try:
            yield
        finally:
            self._write(key, before)

    def forget_crashes(self) -> int:
        """Let what was killed, hung or crashed be tried again; how many models that are."""
        entries = self._read()
        kept = {
            key: entry
            for key, entry in entries.items()
            if entry != TRYING and entry["code"] not in ("crash", "timeout")
        }
        if len(kept) < len(entries):
            self._replace(kept)
        return len(entries) - len(kept)

    def _read(self) -> dict[str, Any]:
        try:
            entries = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}

    def _write(self, key: str, entry: Any) -> None:
        self._replace(self._read() | {key: entry})

    def _replace(self, entries: dict[str, Any]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as temporary:
            temporary.write_text(json.dumps(entries, indent=1) + "\n", "utf-8")


def _system_build() -> str:
    if sys.platform == "darwin":
        asked = subprocess.run(["/usr/bin/sw_vers", "-buildVersion"], capture_output=True, text=True, check=False)
        return asked.stdout.strip() or platform.mac_ver()[0]
    return platform.release()
