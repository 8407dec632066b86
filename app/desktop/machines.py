"""The machines that a person has added, which can train together with this one; and which of them do."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from app.desktop.preferences import (
    machine_options_text,
    machines_text,
    set_machine_options_text,
    set_machines_text,
)
from core.distributed.machines import Machines
from core.errors import BadOption
from core.option_values import build
from core.options import describe
from core.text.sentence import pack, unpack


@dataclass(frozen=True)
class Machine:
    """A machine by the name that ssh knows it by, and what its last test has found."""

    name: str
    used: bool = False  # for the next runs
    facts: str = ""  # in words, as the core says them
    problem: str = ""  # why it cannot be used, as the core says it
    latency_seconds: float = 0.0  # of the link to it
    bytes_per_second: float = 0.0  # 0 where the link was not measured

    @property
    def is_tested(self) -> bool:
        return self.bytes_per_second > 0


def all_machines() -> list[Machine]:
    """Every machine, in the order in which they were added."""
    try:
        rows = unpack(json.loads(machines_text()))
        names = {field.name for field in fields(Machine)}
        return [Machine(**{name: value for name, value in row.items() if name in names}) for row in rows]
    except (ValueError, TypeError, AttributeError):  # a file that something else has written
        return []


def used_machines() -> list[Machine]:
    """Those that train along."""
    return [machine for machine in all_machines() if machine.used]


def add(name: str) -> bool:
    """Add a machine; returns whether it is new."""
    machines = all_machines()
    if any(machine.name == name for machine in machines):
        return False
    _keep([*machines, Machine(name)])
    return True


def remove(name: str) -> None:
    _keep([machine for machine in all_machines() if machine.name != name])


def change(name: str, **values: object) -> None:
    """Note something about a machine, by the fields of Machine."""
    _keep([replace(m, **values) if m.name == name else m for m in all_machines()])  # type: ignore[arg-type]


def options() -> Machines:
    """How the next runs go over machines and GPUs, but for the machines themselves."""
    try:
        found: Machines = build(Machines, json.loads(machine_options_text()))
        return found
    except (ValueError, BadOption):  # what something else, or another version, has written
        return Machines()


def set_option(name: str, value: Any) -> None:
    """Set an option of Machines for the next runs."""
    values = {option.name: getattr(options(), option.name) for option in describe(Machines) if option.name != "hosts"}
    set_machine_options_text(json.dumps(values | {name: value}))


def trains_alone() -> bool:
    """Whether the next runs are done by one process of this computer."""
    return not used_machines() and not options().is_asked


def _keep(machines: list[Machine]) -> None:
    set_machines_text(json.dumps(pack([asdict(machine) for machine in machines])))
