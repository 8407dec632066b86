"""Which machines and GPUs train along in this run, how, and whether that pays: on the step that starts it."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.desktop import machines
from app.desktop.language import localize, tr
from app.new_run.check import StepFacts
from app.new_run.form import OptionLine
from app.runs.settings_text import translate
from app.style import theme
from app.widgets.card import Card, hbox, vbox
from app.widgets.check_box import CheckBox
from app.widgets.fold_button import FoldButton
from app.widgets.labels import Label
from core.distributed.gain import Gain, Link, estimate_gain
from core.distributed.machines import Machines
from core.distributed.own_gpu import nvidia_gpus
from core.options import describe

_NUMBERS = {2: tr("Two"), 3: tr("Three"), 4: tr("Four"), 5: tr("Five"), 6: tr("Six"), 7: tr("Seven"), 8: tr("Eight")}


class MachinesRow(Card):
    """A check box for each machine of the settings, and how they train together; hidden where there is no machine and
    no second GPU."""

    def __init__(self) -> None:
        super().__init__()
        self._step: StepFacts | None = None
        layout = vbox(self, 14, 6)
        line = hbox(gap=theme.GRID * 2)
        words = Label(tr("Train together with"), bold=True)
        words.setWordWrap(False)
        line.addWidget(words)
        self._boxes_layout = hbox(gap=theme.GRID * 2)
        line.addLayout(self._boxes_layout)
        line.addStretch()
        layout.addLayout(line)
        self.gain = Label("", "caption", tone="secondary")
        layout.addWidget(self.gain)
        self._how = QWidget()
        self.how_button = FoldButton(tr("How they train together"), self._how)
        layout.addWidget(self.how_button, 0, Qt.AlignmentFlag.AlignLeft)
        lines = vbox(self._how, gap=0)
        self.lines: dict[str, OptionLine] = {}
        for option in describe(Machines):
            if option.name != "hosts":
                field = self.lines[option.name] = OptionLine(f"machines.{option.name}", translate(option))
                field.changed.connect(self._set_option)
                lines.addWidget(field)
        layout.addWidget(self._how)
        self.boxes: dict[str, CheckBox] = {}
        self.show_machines()

    def show_machines(self) -> None:
        """Show the machines as the settings have them now."""
        for box in self.boxes.values():
            self._boxes_layout.removeWidget(box)
            box.deleteLater()
        self.boxes = {}
        for machine in machines.all_machines():
            box = CheckBox(machine.name)
            box.setChecked(machine.used)
            box.toggled.connect(partial(self._use, machine.name))
            self._boxes_layout.addWidget(box)
            self.boxes[machine.name] = box
        for name, option_line in self.lines.items():
            option_line.show_value(getattr(machines.options(), name), keep_refused=True)
        self.setVisible(bool(self.boxes) or len(nvidia_gpus()) > 1 or not machines.trains_alone())
        self._show_gain()

    def show_step(self, step: StepFacts | None) -> None:
        """Take in what a step was measured to take on this computer; None where it is not known."""
        self._step = step
        self._show_gain()

    def _use(self, name: str, used: bool) -> None:
        machines.change(name, used=used)
        self._show_gain()

    def _set_option(self, key: str, value: object) -> None:
        machines.set_option(key.removeprefix("machines."), value)
        self._show_gain()

    def _show_gain(self) -> None:
        used, how = machines.used_machines(), machines.options()
        self.gain.set_tone("secondary")
        if how.hostfile:
            self.gain.setText(tr("The machines of {file} share the run.", file=Path(how.hostfile).name))
        elif (how.ranks or 1) > 1:
            count, several = 1 + len(used), how.ranks or 1
            words = tr("{count} processes share the run, {several} on each machine: one for each of its GPUs.",
                       count=count * several, several=several)  # fmt: skip
            self.gain.setText(words)
        elif not used:
            self.gain.setText(tr("This computer trains alone."))
        elif not all(machine.is_tested for machine in used):
            self.gain.setText(tr("Whether it pays is known once each machine was tested, in the settings."))
        elif self._step is None:
            self.gain.setText(tr("Whether it pays is known once a step was measured."))
        else:
            slowest = min(used, key=lambda machine: machine.bytes_per_second)
            latency = max(machine.latency_seconds for machine in used)
            link = Link(latency, slowest.bytes_per_second)
            step = self._step
            gain = estimate_gain(step.seconds, step.rows, step.trained_parameters, 1 + len(used), link)
            self.gain.setText(describe_gain(gain))
            self.gain.set_tone("secondary" if gain.pays else "warn")


def describe_gain(gain: Gain) -> str:
    """Whether several machines pay, in words."""
    words = {
        "number": _NUMBERS.get(gain.ranks, str(gain.ranks)),
        "size": localize(f"{gain.gradient_bytes / 1e6:,.1f}"),
        "exchange": localize(f"{gain.exchange_seconds:.2g}"),
        "step": localize(f"{gain.step_seconds:.2g}"),
    }
    if gain.pays:
        return tr(
            "{number} machines would be about {times} × as fast, if each is as fast as this one: a step takes {step} s "
            "here, to exchange its gradients of {size} MB {exchange} s.",
            times=localize(f"{1 / gain.ratio:.1f}"),
            **words,
        )
    return tr(
        "{number} machines would take {times} × as long: to exchange the gradients of {size} MB takes {exchange} s, a "
        "step on this computer {step} s.",
        times=localize(f"{gain.ratio:.1f}"),
        **words,
    )
