"""This computer and the device that will train, in words. Nothing here imports Qt."""

import sys
from dataclasses import dataclass, field
from typing import Any

from app.desktop.language import localize, tr, tr_count

# Whole phrases: languages decline them.
THIS_COMPUTER = tr("This Mac") if sys.platform == "darwin" else tr("This computer")
ON_THIS_COMPUTER = tr("on this Mac") if sys.platform == "darwin" else tr("on this computer")


@dataclass(frozen=True)
class MachineFacts:
    """What core.device reports about the machine, and about the device that it would choose."""

    machine: dict[str, Any]
    backend: dict[str, Any]
    oddities: list[str] = field(default_factory=list)  # sentences of core.device.surroundings


def describe_machine(facts: MachineFacts) -> tuple[str, str]:
    """Two lines: the machine, and the device that trains on it."""
    m = facts.machine
    name = m.get("gpu") or m["processor"]
    parts = [str(name), tr_count("{count} core", "{count} cores", m["cores"])]
    parts.append(format_memory(m["memory_bytes"], m.get("gpu_memory_bytes")))
    second = describe_device(facts.backend)
    return " · ".join(parts), second


def describe_neural_engine(facts: MachineFacts) -> str:
    """Whether the Neural Engine may be used, and why; "" where nothing is known of one."""
    reason = facts.machine.get("neural_engine_reason")
    state = tr("may be used") if facts.machine.get("neural_engine") else tr("not used")
    return tr("Neural Engine: {state} – {reason}.", state=state, reason=reason) if reason else ""


def describe_device(backend: dict[str, Any]) -> str:
    """Which device trains, and the reason."""
    device, reason = str(backend["used"]).upper(), backend.get("reason")
    if reason:
        return tr("Training on: {device} (MLX) – {reason}.", device=device, reason=reason)
    return tr("Training on: {device} (MLX).", device=device)


def format_memory(total: float, usable: float | None = None) -> str:
    """`total` bytes of memory in words, with the `usable` bytes that the GPU may take, where they are known."""
    text = format_bytes(total)
    if not usable:
        return text
    return tr("{memory} (about {usable} usable by the GPU)", memory=text, usable=format_bytes(usable))


def format_bytes(size: float) -> str:
    """A size in bytes in units of 1,024, as people read it on a Mac: "512 MB", "1.5 GB", "16 GB"."""
    for unit, step in (("GB", 1 << 30), ("MB", 1 << 20)):
        if size >= step:
            number = size / step
            text = f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}".replace(".0 ", " ")
            return localize(text)
    return f"{size / 1024:.0f} KB"
