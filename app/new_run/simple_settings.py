"""The three settings that matter most, as sliders: how long, how strong, and the learning rate with its usual zone."""

import bisect
import math
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import localize, tr, tr_count
from app.new_run.step_times import StepTime, count_epochs
from app.runs.status_text import format_duration
from app.style import theme
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption
from app.widgets.zone_slider import ZoneSlider
from core.run import Run

EPOCHS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)
STEPS = (20, 40, 60, 100, 150, 200, 300, 500, 800, 1200, 2000, 3000, 5000)
RANKS = (2, 4, 8, 16, 32, 64, 128)
_MANTISSAS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
_WIDE, _USUAL = 30.0, 2.0  # the slider goes this far around the usual learning rate, and this is still usual
_HIGH, _LOW = 3.0, 0.1  # where a sentence warns
_LENGTH_KEYS = ("train.epochs", "train.steps")
KEYS = (*_LENGTH_KEYS, "adapter.rank", "train.learning_rate")
_VALUE_WIDTH = 190
UNKNOWN_TIME = tr("time known after the check")


class SliderRow(QWidget):
    """A setting with its value in words, a slider, and what it means. `changed(key, value)` by the person."""

    changed = Signal(str, object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.key = ""
        self._stops: Sequence[float] = ()
        self._default: Any = None
        layout = vbox(self, gap=2)
        layout.setContentsMargins(16, 10, 16, 8)
        head = hbox(gap=6)
        label = Label(name, bold=True, wrap=False)
        head.addWidget(label)
        self._dot = Label("●", "caption", tone="accent_text", wrap=False)
        self._dot.setAccessibleName(tr("Changed"))
        self.reset = quiet_button(tr("Reset"), "reset")
        self.reset.setFont(theme.font("caption"))
        self.reset.setFixedHeight(20)
        self.reset.setAccessibleName(tr("Reset {name}", name=name))
        for widget in (self._dot, self.reset):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
            head.addWidget(widget)
        head.addStretch()
        layout.addLayout(head)
        row = hbox(gap=16)
        self.slider = ZoneSlider(name)
        label.setBuddy(self.slider)
        self.value = Label(figures=True, wrap=False)
        self.value.setFixedWidth(_VALUE_WIDTH)
        row.addWidget(self.slider, 1)
        row.addWidget(self.value)
        layout.addLayout(row)
        self.meaning = caption()
        layout.addWidget(self.meaning)
        self.slider.valueChanged.connect(lambda stop: self.changed.emit(self.key, self._stops[stop]))
        self.reset.clicked.connect(lambda: self.changed.emit(self.key, self._default))

    def show_setting(
        self,
        key: str,
        stops: Sequence[float],
        value: float,
        *,
        default: Any,
        is_default: bool,
        zone: tuple[int, int] | None = None,
    ) -> None:
        """Show the value of an option at the nearest of the stops that the slider offers."""
        self.key, self._stops, self._default = key, stops, default
        self.slider.blockSignals(True)
        self.slider.show_stops(len(stops), zone)
        self.slider.setValue(min(range(len(stops)), key=lambda i: abs(math.log(stops[i] / max(value, 1e-12)))))
        self.slider.blockSignals(False)
        self._dot.setVisible(not is_default)
        self.reset.setVisible(not is_default)

    def show_words(self, value: str, meaning: str, tone: str = "secondary") -> None:
        """Show the value and what it means in words."""
        self.value.setText(value)
        self.meaning.setText(meaning)
        self.meaning.set_tone(tone)
        self.slider.setAccessibleDescription(f"{value}. {meaning}")


class SimpleSettings(Card):
    """How long, how strong and how fast a run learns. `changed(key, value)`: each slider changes one option."""

    changed = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        layout = vbox(self, gap=0)
        self.length, self.strength = SliderRow(tr("How long")), SliderRow(tr("How strong"))
        self.learning_rate = SliderRow(tr("Learning rate"))
        self.rows = (self.length, self.strength, self.learning_rate)
        for row in self.rows:
            layout.addWidget(row)
            row.changed.connect(self.changed)

    def show_run(self, run: Run, time: StepTime | None) -> None:
        """Show a run's values; `time` is what is known of its steps."""
        self._show_length(run, time)
        self._show_strength(run)
        self._show_learning_rate(run)

    def _show_length(self, run: Run, time: StepTime | None) -> None:
        """In steps where the run ends after a number of them, else in epochs."""
        steps = run.train.steps
        if steps is not None:
            self.length.show_setting("train.steps", STEPS, steps, default=None, is_default=False)
            value = tr_count("{count:,} step", "{count:,} steps", steps)
        else:
            epochs = count_epochs(run)
            self.length.show_setting(
                "train.epochs", EPOCHS, epochs, default=None, is_default=run.train.epochs is None,
                zone=_zone(EPOCHS, run.spec.epochs / _USUAL, run.spec.epochs * _USUAL),
            )  # fmt: skip
            value = tr_count("{count:g} time through the data", "{count:g} times through the data", epochs)  # type: ignore[arg-type]
        if time is None:
            meaning = tr("How often it sees each example: {time}.", time=UNKNOWN_TIME)
        else:
            words = format_duration(time.seconds(run))
            meaning = tr("{steps:,} steps, about {time} on this computer.", steps=time.steps(run), time=words)
        self.length.show_words(value, meaning)

    def _show_strength(self, run: Run) -> None:
        rank = run.adapter.rank
        self.strength.show_setting(
            "adapter.rank", RANKS, rank, default=16, is_default=rank == 16, zone=_zone(RANKS, 8, 32)
        )
        is_full = run.adapter.type == "full"
        no_adapter = tr("Every weight is trained; there is no adapter to size.")
        disable(self.strength.slider, no_adapter if is_full else "")
        if is_full:
            self.strength.show_words(tr("all weights"), no_adapter)
        else:
            meaning = tr("How much room the adapter has: more can learn more, and needs more memory.")
            self.strength.show_words(tr("rank {rank}", rank=rank), meaning)

    def _show_learning_rate(self, run: Run) -> None:
        usual, chosen = run.usual_learning_rate, run.train.learning_rate
        value = usual if chosen is None else chosen
        stops = learning_rates(usual)
        self.learning_rate.show_setting(
            "train.learning_rate", stops, value, default=None, is_default=chosen is None,
            zone=_zone(stops, usual / _USUAL, usual * _USUAL),
        )  # fmt: skip
        words = tr("{value:g}, the usual", value=value) if value == usual else localize(f"{value:g}")
        meaning, tone = tr("How big each correction is. The band marks what is usual here."), "secondary"
        if value > _HIGH * usual:
            meaning, tone = tr("High: {usual:g} is usual here. The loss may jump.", usual=usual), "warn"
        elif value < _LOW * usual:
            meaning, tone = tr("Low: {usual:g} is usual here. The model will barely change.", usual=usual), "warn"
        self.learning_rate.show_words(words, meaning, tone)


def learning_rates(usual: float) -> list[float]:
    """The learning rates that the slider offers around the usual one, which is among them."""
    low, high = usual / _WIDE, usual * _WIDE
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    rates = [float(f"{mantissa}e{power}") for power in range(first, last + 1) for mantissa in _MANTISSAS]
    return sorted({*(rate for rate in rates if low <= rate <= high), usual})


def _zone(stops: Sequence[float], low: float, high: float) -> tuple[int, int]:
    """The first and the last stop between two values, both included."""
    slack = 1 + 1e-9
    first = bisect.bisect_left(stops, low / slack)
    return first, max(first, bisect.bisect_right(stops, high * slack) - 1)
