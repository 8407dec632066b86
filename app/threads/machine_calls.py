"""Calls of background work about other machines, and the events of a run that several do. For a task's thread."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.threads.run_thread import EventSource
from core.distributed.machines import Machines
from core.events import Event
from core.redact import redact
from core.run import Run


@dataclass(frozen=True)
class Tested:
    """What a test of a machine has found so far; the texts are the core's, to be said when they are shown."""

    facts: str = ""
    problem: str = ""  # why it cannot be used
    latency_seconds: float = 0.0
    bytes_per_second: float = 0.0  # 0: not measured yet


def try_machine(name: str, model: str) -> Iterator[Tested]:
    """Ask a machine over ssh what it is and whether it has the model; then measure the link."""
    from core.errors import UserError

    facts = ""
    try:
        from core.device.machine import versions
        from core.distributed.host_check import ask_host
        from core.distributed.link_speed import ask_link
        from core.distributed.machines import together_with

        host = ask_host(name, [], model)
        host.require_versions(name, versions())
        facts = host.describe(Path(model).name)
        yield Tested(facts)
        link = ask_link(together_with([name]))
        yield Tested(facts, "", link.latency_seconds, link.bytes_per_second)
    except UserError as error:
        yield Tested(facts, redact(str(error)))


def train_together(run: Run, names: Sequence[str], how: Machines) -> EventSource:
    """The events of a new run of this machine and others; `how` names none."""

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        from core.train import train_on

        return train_on(run, _together(names, how), stop, save_now)

    return events


def resume_together(
    folder: str,
    names: Sequence[str],
    how: Machines,
    accept_changes: bool = False,
    changes: dict[str, Any] | None = None,
) -> EventSource:
    """The events of a run that goes on, on this machine and others."""

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        from core.train import resume_on

        machines = _together(names, how)
        return resume_on(Path(folder), machines, stop, save_now, changes=changes, accept_changes=accept_changes)

    return events


def _together(names: Sequence[str], how: Machines) -> Machines:
    """This machine and others, or those of a file, which names all."""
    from core.distributed.machines import together_with

    return replace(how, hosts=together_with(names).hosts) if names and not how.hostfile else how
