"""Whether this machine may have a Neural Engine that can be used. Loads neither MLX nor coremltools."""

import importlib.util
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.text.sentence import capitalize, join, say

ENGINE = "Neural Engine"
EXPERIMENTAL = say("experimental, not yet verified on hardware")  # said wherever it is shown
OLDEST_MACOS = 15


@dataclass(frozen=True)
class Host:
    """What of a machine decides."""

    system: str  # "darwin", "linux"
    architecture: str  # "arm64"
    macos: str  # "15.4"; "" elsewhere
    has_coremltools: bool

    @classmethod
    def this_one(cls) -> "Host":
        return cls(
            sys.platform, platform.machine(), platform.mac_ver()[0], importlib.util.find_spec("coremltools") is not None
        )


def host_refusal(host: Host) -> tuple[str, str] | None:
    """(code, clause) where the Neural Engine cannot be used on a machine; None where it may be there."""
    if host.system != "darwin":
        return "os", say("only a Mac has one")
    if host.architecture != "arm64":
        return "os", say("only a Mac with Apple silicon has one")
    if int(host.macos.partition(".")[0] or 0) < OLDEST_MACOS:
        return "os", say(
            "it needs macOS {oldest_macos}, and this is macOS {macos}", oldest_macos=OLDEST_MACOS, macos=host.macos
        )
    if not host.has_coremltools:
        return "no_coremltools", say("the package coremltools is not installed (./run.sh brings it along)")
    return None


def describe_host(host: Host | None = None) -> tuple[bool, str]:
    """(whether the Neural Engine may be used here, a clause that says why or why not)."""
    refusal = host_refusal(host or Host.this_one())
    if refusal:
        return False, refusal[1]
    return True, say("{experimental}; each model is tried before it is used", experimental=EXPERIMENTAL)


def describe_use(backend: Mapping[str, Any]) -> str:
    """What a run's "backend", as resolved.json has it, says of the Neural Engine, in sentences.

    "" where there is nothing to say: it was not thought of, or this machine has none and nobody asked for it.
    """
    facts = backend.get("neural_engine")
    if not facts or (facts["stage"] == "host" and backend["requested"] != "ane"):
        return ""
    return join([facts["line"], capitalize(EXPERIMENTAL) + "."])


def describe_parts(backend: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(parts of a run, what computes them, what was asked, and why) where the Neural Engine computes any of them."""
    parts = (backend.get("neural_engine") or {}).get("parts") or []
    if not any(part["used"] == ENGINE for part in parts):
        return []
    lines: dict[str, list[str]] = {}
    for part in parts:
        words = say("{used} (asked: {asked}). {reason}", used=part["used"], asked=part["asked"], reason=part["reason"])
        lines.setdefault(words, []).append(part["part"])
    return [(capitalize(join(names, ", ")), words) for words, names in lines.items()]


def uses_engine(backend: Mapping[str, Any]) -> bool:
    """Whether it computes any part of a run."""
    facts = backend.get("neural_engine") or {}
    return bool(facts.get("used") or any(part["used"] == ENGINE for part in facts.get("parts") or []))
