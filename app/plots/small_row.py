"""The row of four small charts under the large one: over the same steps, and drawn one after the other."""

import itertools
from collections.abc import Iterator

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.plots.small_chart import small_charts
from app.runs.record import RunRecord
from app.style import theme
from app.widgets.card import hbox

_NEXT_MS = 70  # after the large chart: to draw two charts at once would delay the window
_OTHERS_MS = 250  # between one and the next
_HEIGHT, _LEAST_HEIGHT = 140, 88
_LEAST_PANEL = 300  # a panel of less height has room for the large chart alone


class SmallCharts(QWidget):
    """The four small charts, by the field of RunRecord that each one draws. `complete` once all are made."""

    def __init__(self) -> None:
        super().__init__()
        self.charts = small_charts()
        self.complete = False
        self._record: RunRecord | None = None
        self._kind = ""
        self._range = (0.0, 1.0)  # of the bottom axes
        self._next = itertools.cycle(self.charts)
        self._left = 0  # how many do not show the newest steps yet
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._show_next)
        layout = hbox(self, gap=theme.GRID)
        for chart in self.charts.values():
            layout.addWidget(chart, 1)

    def build(self) -> Iterator[None]:
        """Make the charts, one after the other."""
        for name, small in self.charts.items():
            if small.chart is None:
                small.build()
                self._show(name)
                yield
        self.complete = True

    def show_record(self, record: RunRecord, kind: str, *, next_only: bool = False) -> None:
        """Draw a run over what `kind` counts: all charts, or with `next_only` one after the other, a little later."""
        self._record, self._kind = record, kind
        if not next_only:
            for name in self.charts:
                self._show(name)
        elif self.complete:
            self._left = len(self.charts)
            if not self._timer.isActive():
                self._timer.start(_NEXT_MS)

    def align(self, left: float, right: float, *, at_once: bool = True) -> None:
        """Let all charts show the same part of the run: now, or each when it is drawn next."""
        self._range = (left, right)
        if at_once:
            for name in self.charts:
                self._align(name)

    def fit(self, height: int) -> None:
        """Take less of a panel of this height where it is low, or none: that is the large chart's."""
        self.setVisible(height >= _LEAST_PANEL)
        for small in self.charts.values():
            small.setFixedHeight(min(_HEIGHT, max(_LEAST_HEIGHT, height // 4)))

    def _align(self, name: str) -> None:
        chart = self.charts[name].chart
        if chart is not None and tuple(chart.getViewBox().viewRange()[0]) != self._range:
            chart.setXRange(*self._range, padding=0)

    def _show_next(self) -> None:
        self._show(next(self._next))
        self._left -= 1
        if self._left > 0:
            self._timer.start(_OTHERS_MS)

    def _show(self, name: str) -> None:
        if self._record is not None:
            self._align(name)
            self.charts[name].show_record(self._record, self._kind)
