"""Settings, Machines: other machines that can train together with this one; added by name, tested, and chosen."""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop import machines
from app.desktop.language import localize, tr
from app.desktop.machines import Machine
from app.style import theme
from app.threads.machine_calls import Tested, try_machine
from app.threads.task import Task
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.check_box import CheckBox
from app.widgets.disabled import disable
from app.widgets.labels import IconLabel, Label, caption
from app.widgets.line_edit import LineEdit


class MachineRow(Card):
    """One machine; `changed` once something about it is."""

    changed = Signal()

    def __init__(self, machine: Machine, model: str) -> None:
        super().__init__()
        self.machine, self._model = machine, model
        self._task: Task | None = None
        layout = hbox(self, 14, 12)
        layout.addWidget(IconLabel("chip", "accent_text", 22))
        words = vbox(gap=2)
        words.addWidget(Label(machine.name, bold=True))
        self.state = Label("", "caption", tone="secondary", selectable=True)
        words.addWidget(self.state)
        self.use = CheckBox(tr("Train along in the next runs"))
        self.use.setAccessibleName(tr("{name}: train along in the next runs", name=machine.name))
        self.use.setChecked(machine.used)
        self.use.toggled.connect(self._use)
        words.addWidget(self.use)
        layout.addLayout(words, 1)
        self.test_button = plain_button(tr("Test"))
        self.test_button.setAccessibleName(tr("Test {name}", name=machine.name))
        self.test_button.clicked.connect(self.test)
        layout.addWidget(self.test_button)
        self.remove_button = quiet_button(tr("Remove"))
        self.remove_button.setAccessibleName(tr("Remove {name}", name=machine.name))
        self.remove_button.clicked.connect(self._remove)
        layout.addWidget(self.remove_button)
        self._show()

    def test(self) -> None:
        """Ask the machine what it is, and measure the link to it, in the background."""
        disable(self.test_button, tr("Asking it over ssh…"))
        self.state.set_tone("secondary")
        self.state.setText(tr("Asking it over ssh…"))
        name, model = self.machine.name, self._model
        self._task = Task(
            self,
            lambda: try_machine(name, model),
            done=lambda _: disable(self.test_button, ""),
            progress=self._note,
        )

    def _note(self, found: Tested) -> None:
        speed = {"latency_seconds": found.latency_seconds, "bytes_per_second": found.bytes_per_second}
        self._change(facts=found.facts or self.machine.facts, problem=found.problem, **speed)
        if not (found.bytes_per_second or found.problem):
            self.state.setText(tr("{facts}. Measuring the link…", facts=found.facts))

    def _use(self, used: bool) -> None:
        self._change(used=used)

    def _change(self, **values: object) -> None:
        machines.change(self.machine.name, **values)
        self.machine = next(m for m in machines.all_machines() if m.name == self.machine.name)
        self._show()
        self.changed.emit()

    def _remove(self) -> None:
        machines.remove(self.machine.name)
        self.changed.emit()
        self.hide()
        self.deleteLater()

    def _show(self) -> None:
        self.state.set_tone("warn" if self.machine.problem else "secondary")
        self.state.setText(describe(self.machine))


def describe(machine: Machine) -> str:
    """What the last test of a machine has found."""
    if machine.problem:
        return tr(machine.problem)
    if not machine.is_tested:
        return tr(machine.facts) if machine.facts else tr("Not tested yet.")
    speed = localize(f"{machine.bytes_per_second / 1e6:,.0f}")
    return tr("{facts}. The link sums {speed} MB a second.", facts=machine.facts, speed=speed)


class MachinesPage(QWidget):
    """The list of machines, and a field to add one."""

    changed = Signal()

    def __init__(self, model: str) -> None:
        """`model` is the one that a test looks for: that of the new run."""
        super().__init__()
        self._model = model
        layout = vbox(self, gap=theme.GRID)
        layout.setContentsMargins(0, theme.GRID, 0, 0)
        layout.addWidget(caption(tr(
            "Machines that train together with this one, by the names that ssh knows. Hone, the model and the dataset "
            "must lie there as they do here. Nothing is sent to a machine that is not listed here and chosen."
        )))  # fmt: skip
        line = hbox(gap=8)
        self.field = LineEdit(tr("Name of a machine"), tr("mini.local, or me@192.168.0.7"))
        self.field.returnPressed.connect(self.add)
        self.add_button = plain_button(tr("Add"))
        self.add_button.clicked.connect(self.add)
        line.addWidget(self.field, 1)
        line.addWidget(self.add_button)
        layout.addLayout(line)
        self._list = vbox(gap=theme.GRID)
        layout.addLayout(self._list)
        layout.addStretch()
        for machine in machines.all_machines():
            self._show(machine)

    @property
    def rows(self) -> list[MachineRow]:
        """The machines' rows, in order."""
        return [row for row in self.findChildren(MachineRow) if not row.isHidden() or not self.isVisible()]

    def add(self) -> None:
        """Add the machine whose name stands in the field, and test it."""
        name = self.field.text().strip()
        is_name = bool(name) and not name.startswith("-") and not any(c.isspace() or c == "," for c in name)
        self.field.mark_wrong(not is_name)
        if is_name and machines.add(name):
            self.field.clear()
            self._show(machines.all_machines()[-1]).test()
            self.changed.emit()

    def _show(self, machine: Machine) -> MachineRow:
        row = MachineRow(machine, self._model)
        row.changed.connect(partial(self.changed.emit))
        self._list.addWidget(row)
        return row
