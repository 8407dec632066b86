"""The Charts tab of a run: one of the method's charts, large, with its legend and controls, and four small charts."""

import itertools
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QStackedWidget, QWidget

from app.plots.legend import BAND, DASHES, DOTS, FAINT, LINE, STAR, Legend, LegendEntry
from app.plots.small_chart import small_charts
from app.runs.metrics import select_charts
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING
from app.style import theme
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import Label, caption, heading
from app.widgets.segmented_control import SegmentedControl
from core.methods import ChartSpec

if TYPE_CHECKING:  # they import pyqtgraph
    from app.plots.curves import MetricChart
    from app.plots.loss_chart import LossChart

X_CHOICES = {"step": "by step", "tokens": "by tokens", "time": "by time"}
_STEPS = 100  # positions of the smoothing slider
_FIRST_MS = 50  # the page itself is drawn first
_SMALL_MS = 70  # after the large chart: to draw two charts at once would delay the window
_SMALL_HEIGHT, _LEAST_SMALL_HEIGHT = 140, 88
_REDRAW_MS = 40  # while a person zooms
LOSS = "loss"
_LOSS_LEGEND = [
    LegendEntry(0, FAINT, "each step"),
    LegendEntry(0, LINE, "smoothed"),
    LegendEntry(1, DOTS, "held-out rows"),
    LegendEntry(1, STAR, "best"),
    LegendEntry(0, DASHES, "checkpoint"),
]


class ChartPanel(QWidget):
    """Draws a Record whenever show_record() is called.

    The first call imports pyqtgraph, on a thread of its own, and makes the charts, one in each turn of the window's
    event loop: all at once would block it for a third of a second. A method's charts are made when they are shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._record: RunRecord | None = None
        self._has_choice = False  # a person has chosen a chart
        self._names: frozenset[str] = frozenset()  # metrics that have charts
        self._specs: dict[str, ChartSpec] = {}
        self.charts: dict[str, LossChart | MetricChart] = {}  # the large ones that were shown, by key
        self.loss: LossChart | None = None
        self._legends: dict[str, Legend] = {}
        self._import_began = self._imported = False
        self.complete = False  # the large chart and the four small ones are made
        self._current = LOSS
        layout = vbox(self, gap=theme.GRID)
        main = Card()
        inner = vbox(main, gap=4)
        inner.setContentsMargins(14, 10, 12, 8)
        self.choice = SegmentedControl("Which chart")
        self.choice.show_choices({LOSS: "Loss"})
        self.choice.hide()
        self.choice.chosen.connect(self._choose)
        inner.addWidget(self.choice)
        self._legend_stack, self._stack = QStackedWidget(), QStackedWidget()
        self._legend_stack.setFixedHeight(24)
        inner.addLayout(self._controls())
        inner.addWidget(self._legend_stack)
        self.sentence = caption()
        self.sentence.hide()
        inner.addWidget(self.sentence)
        inner.addWidget(self._stack, 1)
        layout.addWidget(main, 1)
        small_row = hbox(gap=theme.GRID)
        self.small = small_charts()
        self._next_small = itertools.cycle(self.small)
        self._small_timer = QTimer(self, singleShot=True, interval=_SMALL_MS)
        self._redraw = Throttle(self._draw, _REDRAW_MS, self)
        self._small_timer.timeout.connect(lambda: self._show_small(next(self._next_small)))
        for chart in self.small.values():
            small_row.addWidget(chart, 1)
        layout.addLayout(small_row)

    @property
    def current_chart(self) -> "LossChart | MetricChart":
        """The large chart that is shown, once it is made."""
        return self.charts[self._current]

    def show_record(self, record: RunRecord) -> None:
        """Draw a run as it is now."""
        self._update(record)
        for name in self.small:
            self._show_small(name)

    def show_next(self, record: RunRecord) -> None:
        """Draw the large chart, and a little later the next of the small ones, so that each update is quick."""
        self._update(record)
        if self.complete:
            self._small_timer.start()

    def show_chart(self, key: str) -> None:
        """Show a chart as the large one."""
        self._current = key
        self.choice.choose(key)
        spec = self._specs.get(key)
        self.title.setText(spec.title if spec else "Loss")
        self.sentence.setText(spec.sentence if spec else "")
        self.sentence.setVisible(spec is not None)
        self.log.setVisible(key == LOSS)
        self.clip.setVisible(key == LOSS)
        self.live.hide()
        if self._imported:
            self._raise_chart(key)
        self._draw()

    def _update(self, record: RunRecord) -> None:
        """Draw the record, and offer charts of metrics that are new in it."""
        self._record = record
        if not self._import_began:
            self._import_began = True
            QTimer.singleShot(_FIRST_MS, self, lambda: Task(self, import_charts, done=self._begin))
        names = frozenset(record.metrics) | frozenset(record.eval_metrics)
        if names == self._names:
            self._draw()
            return
        self._names = names
        method = record.started.method if record.started else ""
        previous, self._specs = self._specs, {spec.key: spec for spec in select_charts(method, sorted(names))}
        for key in [k for k in self._legends if k != LOSS]:
            self._legend_stack.removeWidget(self._legends[key])
            self._legends.pop(key).deleteLater()
        for key, spec in previous.items():
            if key in self.charts and spec != self._specs.get(key):
                outdated = self.charts.pop(key)  # it has fewer curves
                self._stack.removeWidget(outdated)
                outdated.deleteLater()
        self.choice.show_choices({LOSS: "Loss", **{spec.key: spec.title for spec in self._specs.values()}})
        self.choice.setVisible(bool(self._specs))
        self.show_chart(self._current if self._has_choice or not self._specs else next(iter(self._specs)))

    def _begin(self, _: object) -> None:
        self._imported = True
        self.show_chart(self._current)
        QTimer.singleShot(0, self, self._build_next)

    def _build_next(self) -> None:
        """Make one of the small charts, and the next one in the next turn of the event loop."""
        name = next((name for name, chart in self.small.items() if chart.chart is None), None)
        if name is None:
            self.complete = True
            return
        self.small[name].build()
        self._show_small(name)
        QTimer.singleShot(0, self, self._build_next)

    def _raise_chart(self, key: str) -> None:
        """Bring a chart and its legend to the front; they are made here the first time."""
        spec = self._specs.get(key)
        if key not in self.charts:
            self.charts[key] = chart = self._make_chart(spec)
            chart.smoothing = self.smoothing.value() / _STEPS
            chart.set_kind(self.x_axis.currentData())
            chart.range_moved.connect(self.live.show)
            chart.range_moved.connect(self._redraw)
            self._stack.addWidget(chart)
        if key not in self._legends:
            self._legends[key] = Legend(self._legend_entries(spec) if spec else _LOSS_LEGEND)
            self._legend_stack.addWidget(self._legends[key])
        self._stack.setCurrentWidget(self.charts[key])
        self._legend_stack.setCurrentWidget(self._legends[key])

    def _make_chart(self, spec: ChartSpec | None) -> "LossChart | MetricChart":
        from app.plots.curves import MetricChart
        from app.plots.loss_chart import LossChart

        if spec:
            return MetricChart(spec)
        self.loss = LossChart()
        self.loss.set_logarithmic(self.log.isChecked())
        self.loss.clips_outliers = self.clip.isChecked()
        return self.loss

    def _legend_entries(self, spec: ChartSpec) -> list[LegendEntry]:
        """The lines of a chart, its band, and what the dots are."""
        legends = {metric.name: metric.legend for metric in spec.metrics}
        entries = [LegendEntry(i, LINE, legends[name]) for i, name in enumerate(spec.lines)]
        if spec.band in legends:
            entries.insert(1, LegendEntry(0, BAND, legends[spec.band]))
        has_dots = self._record is not None and any(name in self._record.eval_metrics for name in legends)
        return [*entries, LegendEntry(0, DOTS, "held-out rows")] if has_dots else entries

    def _choose(self, key: str) -> None:
        self._has_choice = True
        self.show_chart(key)

    def _show_small(self, name: str) -> None:
        if self._record is not None:
            small = self.small[name]
            small.show_series(getattr(self._record, name), self._record, self.x_axis.currentData())

    def _controls(self) -> QHBoxLayout:
        layout = hbox(gap=14)
        self.title = heading("Loss")
        layout.addWidget(self.title, 1)
        self.live = quiet_button("Back to live", "runs")
        self.live.setFixedHeight(24)
        self.live.hide()
        self.live.clicked.connect(self._follow)
        layout.addWidget(self.live)
        label = Label("S&moothing", "caption", tone="secondary", wrap=False)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, _STEPS - 1)
        self.smoothing.setValue(round(SMOOTHING * _STEPS))
        self.smoothing.setFixedWidth(96)
        self.smoothing.setAccessibleName("Smoothing of the curves")
        self.smoothing.valueChanged.connect(self._set_smoothing)
        label.setBuddy(self.smoothing)
        self.log = QCheckBox("Log scale")
        self.log.setFont(theme.font("caption"))
        self.log.toggled.connect(self._set_logarithmic)
        self.clip = QCheckBox("Leave outliers out")
        self.clip.setFont(theme.font("caption"))
        self.clip.toggled.connect(self._set_clipping)
        self.x_axis = ComboBox("What the bottom axis counts")
        for kind, words in X_CHOICES.items():
            self.x_axis.addItem(words, kind)
        self.x_axis.activated.connect(self._set_kind)
        self.save = quiet_button("Save…", "save")
        self.save.setAccessibleName("Save the chart as a picture, or its numbers")
        self.save.clicked.connect(self._save)
        for widget in (label, self.smoothing, self.log, self.clip, self.x_axis, self.save):
            layout.addWidget(widget)
        return layout

    def _set_smoothing(self, value: int) -> None:
        for chart in self.charts.values():
            chart.smoothing = value / _STEPS
        self._draw()

    def _set_logarithmic(self, on: bool) -> None:
        if self.loss is not None:
            self.loss.set_logarithmic(on)
        self._draw()

    def _align_small(self) -> None:
        """Let the small charts show the same part of the run: that of the large one where a person has zoomed."""
        made = [small.chart for small in self.small.values() if small.chart is not None]
        if self._record is None or not made or self._current not in self.charts:
            return
        from app.plots.line_chart import round_end

        chart, steps = self.current_chart, self._record.loss.x
        if chart.live:
            left, right = 0.0, round_end(float(chart.place(self._record, steps[-1]))) if len(steps) else 1.0
        else:
            left, right = chart.getViewBox().viewRange()[0]
        for small in made:
            if small.getViewBox().viewRange()[0] != [left, right]:
                small.setXRange(left, right, padding=0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for small in self.small.values():  # a low window is the large chart's
            small.setFixedHeight(min(_SMALL_HEIGHT, max(_LEAST_SMALL_HEIGHT, self.height() // 4)))

    def _set_clipping(self, on: bool) -> None:
        if self.loss is not None:
            self.loss.clips_outliers = on
        self._draw()

    def _set_kind(self) -> None:
        for chart in [*self.charts.values(), *(small.chart for small in self.small.values() if small.chart)]:
            chart.set_kind(self.x_axis.currentData())
        if self._current in self.charts:
            self._follow()
        for name in self.small:
            self._show_small(name)

    def _save(self) -> None:
        if self._record is not None and self._current in self.charts:
            from app.plots.save_chart import ask_and_save

            ask_and_save(self, self.current_chart, self._record, self.title.text())

    def _follow(self) -> None:
        self.current_chart.follow()
        self.live.hide()
        self._draw()

    def _draw(self) -> None:
        if self._record is not None and self._current in self.charts:
            self.current_chart.show_record(self._record)
        self._align_small()


def import_charts() -> None:
    """Import pyqtgraph and the charts, which takes half a second."""
    import app.plots.curves
    import app.plots.line_chart
    import app.plots.loss_chart  # noqa: F401
