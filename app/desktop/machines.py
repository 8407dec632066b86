"""The machines that a person has added, which can train together with this one; and which of them do."""

import json
from dataclasses import asdict, dataclass, fields, replace

from app.desktop.preferences import machines_text, set_machines_text


@dataclass(frozen=True)
class Machine:
    """A machine by the name that ssh knows it by, and what its last test has found."""

    name: str
    used: bool = False  # for the next runs
    facts: str = ""  # in words
    problem: str = ""  # why it cannot be used, in words
    latency_seconds: float = 0.0  # of the link to it
    bytes_per_second: float = 0.0  # 0 where the link was not measured

    @property
    def is_tested(self) -> bool:
        return self.bytes_per_second > 0


def all_machines() -> list[Machine]:
    """Every machine, in the order in which they were added."""
    try:
        rows = json.loads(machines_text())
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


def _keep(machines: list[Machine]) -> None:
    set_machines_text(json.dumps([asdict(machine) for machine in machines]))
