"""The Charts tab of a run: one of the method's charts, large, with its legend and controls, and four small charts."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.language import tr
from app.plots.controls import ChartControls
from app.plots.legend import LOSS_LEGEND, Legend, metric_legend
from app.plots.load import load_charts
from app.plots.run_legend import RunLegend
from app.plots.small_row import SmallCharts
from app.runs.metrics import select_charts
from app.runs.overlay import Overlay, read_overlay
from app.runs.ranks import RANKS, rank_names
from app.runs.record import RunRecord
from app.style import theme
from app.threads.slices import do_in_slices
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.card import Card, vbox
from app.widgets.labels import caption
from app.widgets.segmented_control import SegmentedControl
from core.methods import ChartSpec

if TYPE_CHECKING:  # they import pyqtgraph
    from app.plots.curves import MetricChart
    from app.plots.loss_chart import LossChart

_FIRST_MS = 50  # the page itself is drawn first
_REDRAW_MS = 40  # while a person zooms
LOSS = "loss"


class ChartPanel(QWidget):
    """Draws a Record whenever show_record() is called.

    prepare() makes the charts, one after the other: all at once would block the window for a third of a second. Without
    it the first show_record() does so, once load_charts() has loaded pyqtgraph. A method's charts are made when they
    are shown.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._record: RunRecord | None = None
        self._has_choice = False  # a person has chosen a chart
        self._names: frozenset[str] = frozenset()  # metrics that have charts
        self._specs: dict[str, ChartSpec] = {}
        self.charts: dict[str, LossChart | MetricChart] = {}  # the large ones that were shown, by key
        self.loss: LossChart | None = None
        self._legends: dict[str, Legend] = {}
        self._import_began = self._imported = False
        self._current = LOSS
        self._wanted: dict[Path, str] = {}  # runs to be drawn over this one, with their names
        self.overlays: dict[Path, Overlay] = {}  # those of them that are read
        layout = vbox(self, gap=theme.GRID)
        main = Card()
        inner = vbox(main, gap=4)
        inner.setContentsMargins(14, 10, 12, 8)
        self.choice = SegmentedControl(tr("Which chart"))
        self.choice.show_choices({LOSS: tr("Loss")})
        self.choice.hide()
        self.choice.chosen.connect(self._choose)
        inner.addWidget(self.choice)
        self._legend_stack, self._stack = QStackedWidget(), QStackedWidget()
        self._legend_stack.setFixedHeight(24)
        self.controls = ChartControls()
        inner.addWidget(self.controls)
        inner.addWidget(self._legend_stack)
        self.run_legend = RunLegend()
        inner.addWidget(self.run_legend)
        self.sentence = caption()
        self.sentence.hide()
        inner.addWidget(self.sentence)
        inner.addWidget(self._stack, 1)
        layout.addWidget(main, 1)
        self.small = SmallCharts()
        layout.addWidget(self.small)
        self._redraw = Throttle(self._draw, _REDRAW_MS, self)
        self.controls.restyled.connect(self._restyle)
        self.controls.kind_changed.connect(self._set_kind)
        self.controls.followed.connect(self._follow)
        self.controls.saved.connect(self._save)
        self.controls.overlaid.connect(self._overlay)

    @property
    def complete(self) -> bool:
        """Whether the large chart and the four small ones are made."""
        return self.small.complete

    @property
    def current_chart(self) -> "LossChart | MetricChart":
        """The large chart that is shown, once it is made."""
        return self.charts[self._current]

    def use_folder(self, folder: Path) -> None:
        """Offer the runs beside the run of this folder to be drawn over it."""
        self.controls.use_folder(folder, list(self._wanted))

    def prepare(self) -> Iterator[None]:
        """Make the charts before there is a run to draw. Call load_charts() first."""
        self._import_began = True
        yield from self._make_charts()

    def show_record(self, record: RunRecord) -> None:
        """Draw a run as it is now."""
        self._update(record)
        self.small.show_record(record, self.controls.kind)

    def show_next(self, record: RunRecord) -> None:
        """Draw the large chart, and a little later the next of the small ones, so that each update is quick."""
        self._update(record, next_only=True)
        self.small.show_record(record, self.controls.kind, next_only=True)

    def show_chart(self, key: str) -> None:
        """Show a chart as the large one."""
        self._current = key
        self.choice.choose(key)
        spec = self._specs.get(key)
        self.controls.show_for(tr(spec.title) if spec else tr("Loss"), is_loss=key == LOSS)
        self.sentence.setText(tr(spec.sentence) if spec else "")
        self.sentence.setVisible(spec is not None)
        if self._imported:
            self._raise_chart(key)
        self._draw()

    def _update(self, record: RunRecord, *, next_only: bool = False) -> None:
        """Draw the record, and offer charts of metrics that are new in it."""
        self._record = record
        if not self._import_began:
            self._import_began = True
            QTimer.singleShot(_FIRST_MS, self, lambda: load_charts(self, self._begin))
        names = frozenset(record.metrics) | frozenset(record.eval_metrics)
        if names == self._names:
            self._draw(next_only=next_only)
            return
        self._names = names
        method = record.started.method if record.started else ""
        ranks = rank_names(record.started.ranks) if record.started else []
        previous, self._specs = self._specs, {spec.key: spec for spec in select_charts(method, sorted(names), ranks)}
        for key in [k for k in self._legends if k != LOSS]:
            self._legend_stack.removeWidget(self._legends[key])
            self._legends.pop(key).deleteLater()
        for key, spec in previous.items():
            if key in self.charts and spec != self._specs.get(key):
                outdated = self.charts.pop(key)  # it has fewer curves
                self._stack.removeWidget(outdated)
                outdated.deleteLater()
        self.choice.show_choices({LOSS: tr("Loss"), **{spec.key: tr(spec.title) for spec in self._specs.values()}})
        self.choice.setVisible(bool(self._specs))
        first = next((key for key in self._specs if not key.startswith(RANKS)), LOSS)  # what is learned, not where
        self.show_chart(self._current if self._has_choice else first)

    def _begin(self) -> None:
        do_in_slices(self, self._make_charts())

    def _make_charts(self) -> Iterator[None]:
        self._imported = True
        self.show_chart(self._current)
        yield
        yield from self.small.build()
        self._draw()

    def _raise_chart(self, key: str) -> None:
        """Bring a chart and its legend to the front; they are made here the first time."""
        spec = self._specs.get(key)
        if key not in self.charts:
            self.charts[key] = chart = self._make_chart(spec)
            chart.smoothing = self.controls.smoothing
            chart.set_kind(self.controls.kind)
            chart.range_moved.connect(self.controls.live.show)
            chart.range_moved.connect(self._redraw)
            self._stack.addWidget(chart)
        if key not in self._legends:
            self._legends[key] = Legend(metric_legend(spec, self._record) if spec else LOSS_LEGEND)
            self._legend_stack.addWidget(self._legends[key])
        self._stack.setCurrentWidget(self.charts[key])
        self._legend_stack.setCurrentWidget(self._legends[key])

    def _make_chart(self, spec: ChartSpec | None) -> "LossChart | MetricChart":
        from app.plots.curves import MetricChart
        from app.plots.loss_chart import LossChart

        if spec:
            return MetricChart(spec)
        self.loss = LossChart()
        self.loss.set_logarithmic(self.controls.log.isChecked())
        self.loss.clips_outliers = self.controls.clip.isChecked()
        return self.loss

    def _choose(self, key: str) -> None:
        self._has_choice = True
        self.show_chart(key)

    def _restyle(self) -> None:
        """Draw the curves as the controls say."""
        for chart in self.charts.values():
            chart.smoothing = self.controls.smoothing
        if self.loss is not None:
            self.loss.set_logarithmic(self.controls.log.isChecked())
            self.loss.clips_outliers = self.controls.clip.isChecked()
        self._draw()

    def _set_kind(self) -> None:
        small = [chart.chart for chart in self.small.charts.values() if chart.chart is not None]
        for chart in [*self.charts.values(), *small]:
            chart.set_kind(self.controls.kind)
        if self._current in self.charts:
            self._follow()
        if self._record is not None:
            self.small.show_record(self._record, self.controls.kind)

    def _overlay(self, names: dict[Path, str]) -> None:
        """Draw these runs over this one, and no others; what is not read yet is read in the background."""
        self._wanted = names
        self.overlays = {folder: overlay for folder, overlay in self.overlays.items() if folder in names}
        for folder in [folder for folder in names if folder not in self.overlays]:
            Task(self, partial(read_overlay, folder, names[folder]), done=self._add_overlay)
        self._draw()

    def _add_overlay(self, overlay: Overlay) -> None:
        if overlay.folder in self._wanted:
            self.overlays[overlay.folder] = overlay
            self._draw()

    def _shown_overlays(self) -> list[Overlay]:
        """The other runs that are drawn, in the order that they were chosen in."""
        return [self.overlays[folder] for folder in self._wanted if folder in self.overlays]

    def _save(self) -> None:
        if self._record is not None and self._current in self.charts:
            from app.plots.save_chart import ask_and_save

            title = self.controls.title.text()
            ask_and_save(self, self.current_chart, self._record, title, self._shown_overlays())

    def _follow(self) -> None:
        self.current_chart.follow()
        self.controls.live.hide()
        self._draw()

    def _draw(self, *, next_only: bool = False) -> None:
        if self._record is None or self._current not in self.charts:
            return
        from app.plots.legend import run_dash
        from app.plots.overlaid_chart import FIRST_LOOK

        names = self.current_chart.show_overlays(self._shown_overlays())
        looks = range(FIRST_LOOK, FIRST_LOOK + len(names))
        self.run_legend.show_names(names, [(look, run_dash(look, FIRST_LOOK)) for look in looks])
        if next_only:
            self.current_chart.paint_later()
        self.current_chart.show_record(self._record)
        self._align_small(at_once=not next_only)

    def _align_small(self, at_once: bool) -> None:
        """Let the small charts show the same part of the run: that of the large one where a person has zoomed."""
        if self._record is None:
            return
        from app.plots.line_chart import round_end

        chart, steps = self.current_chart, self._record.loss.x
        if chart.live:
            left, right = 0.0, round_end(float(chart.place(self._record, steps[-1]))) if len(steps) else 1.0
        else:
            left, right = chart.getViewBox().viewRange()[0]
        self.small.align(left, right, at_once=at_once)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.small.fit(self.height())
