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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs

from core.ane.program import GENERATOR
from core.ane.verdict import Verdict, refused
from core.atomic_files import replacing
from core.device.select import cpu_name

TRYING = "trying"


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
            return refused("crash", "An earlier try of this model never came to an end: it is not repeated."), {}
        verdict = None if entry["code"] is None else refused(entry["code"], entry["reason"])
        return verdict, dict(entry["facts"])

    def begin(self, key: str) -> None:
        """Note that a probe begins, for the case that it never comes to an end."""
        self._write(key, TRYING)

    def put(self, key: str, verdict: Verdict | None, facts: dict[str, Any]) -> None:
        """Keep what a probe found."""
        code, reason = (verdict.code, verdict.reason) if verdict else (None, "")
        self._write(key, {"code": code, "reason": reason, "facts": facts})

    def _read(self) -> dict[str, Any]:
        try:
            entries = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}

    def _write(self, key: str, entry: Any) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as temporary:
            temporary.write_text(json.dumps(self._read() | {key: entry}, indent=1) + "\n", "utf-8")


def _system_build() -> str:
    if sys.platform == "darwin":
        asked = subprocess.run(["/usr/bin/sw_vers", "-buildVersion"], capture_output=True, text=True, check=False)
        return asked.stdout.strip() or platform.mac_ver()[0]
    return platform.release()
