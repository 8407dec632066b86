"""The Charts tab of a run: one large chart out of the method's, with its key and controls, and four small ones."""

import itertools

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QStackedWidget, QWidget

from app import theme
from app.metrics import Figure, figures
from app.plots.curves import Curves
from app.plots.key import BAND, DOTS, FAINT, LINE, Key
from app.plots.loss import LossChart
from app.plots.small import small_charts
from app.record import Record
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, row
from app.widgets.segments import Segments
from app.widgets.text import Text, caption

_STEPS = 100  # positions of the smoothing slider
LOSS = "loss"
_LOSS_KEY = [(0, FAINT, "each step"), (0, LINE, "smoothed"), (1, DOTS, "held-out rows")]


class Charts(QWidget):
    """Draws a Record whenever show_record is called."""

    def __init__(self) -> None:
        super().__init__()
        self._record: Record | None = None
        self._picked = False  # a person has chosen a chart
        self._names: frozenset[str] = frozenset()  # the metrics there are charts for
        layout = column(self, gap=theme.GRID)
        main = Card()
        inner = column(main, gap=4)
        inner.setContentsMargins(14, 10, 12, 8)
        self.loss = LossChart()
        self.charts: dict[str, LossChart | Curves] = {}
        self._legends: dict[str, Key] = {}
        self._shown = LOSS
        self.choice = Segments("Which chart")
        self.choice.show_choices({LOSS: "Loss"})
        self.choice.hide()
        self.choice.chosen.connect(self._pick)
        inner.addWidget(self.choice)
        self._keys, self._stack = QStackedWidget(), QStackedWidget()
        self._keys.setFixedHeight(24)
        inner.addLayout(self._controls())
        self.sentence = caption()
        self.sentence.hide()
        inner.addWidget(self.sentence)
        inner.addWidget(self._stack, 1)
        self._put(LOSS, self.loss, Key(_LOSS_KEY))
        layout.addWidget(main, 5)
        below = row(gap=theme.GRID)
        self.small = small_charts()
        self._turn = itertools.cycle(self.small)
        for chart in self.small.values():
            chart.setMinimumHeight(84)
            chart.setMaximumHeight(150)
            below.addWidget(chart, 1)
        layout.addLayout(below, 2)

    @property
    def shown(self) -> "LossChart | Curves":
        """The large chart."""
        return self.charts[self._shown]

    def show_record(self, record: Record) -> None:
        """Draw a run as it is now."""
        self._take(record)
        self.shown.show_record(record)
        for name in self.small:
            self._show_small(name)

    def show_next(self, record: Record) -> None:
        """Draw the large chart and one of the small ones, the next each time: a picture stays quick to draw."""
        self._take(record)
        self.shown.show_record(record)
        self._show_small(next(self._turn))

    def show_chart(self, key: str) -> None:
        """Put a chart in the large place."""
        self._shown = key
        self.choice.choose(key)
        chart = self.charts[key]
        self._stack.setCurrentWidget(chart)
        self._keys.setCurrentWidget(self._legends[key])
        words = chart.figure.sentence if isinstance(chart, Curves) else ""
        self.sentence.setText(words)
        self.sentence.setVisible(bool(words))
        self.log.setVisible(chart is self.loss)
        self.live.hide()
        self._draw()

    def _take(self, record: Record) -> None:
        """Make the charts of the metrics that have come."""
        self._record = record
        names = frozenset(record.metrics) | frozenset(record.held)
        if names == self._names:
            return
        self._names = names
        method = record.started.method if record.started else ""
        found = figures(method, sorted(names))
        for figure in found:
            old = self.charts.get(figure.key)
            same = isinstance(old, Curves) and old.figure == figure
            held = any(m.name in record.held for m in figure.metrics)
            self._put(figure.key, old if same and old else Curves(figure), Key(_key(figure, held)))
        self.choice.show_choices({LOSS: "Loss", **{f.key: f.title for f in found}})
        self.choice.setVisible(bool(found))
        self.show_chart(self._shown if self._picked or not found else found[0].key)

    def _put(self, key: str, chart: "LossChart | Curves", legend: Key) -> None:
        """Add a chart and its key, or put them in the place of those that had fewer curves."""
        old = self.charts.get(key)
        if old is not chart:
            if old is not None:
                self._stack.removeWidget(old)
                old.deleteLater()
            chart.smoothing = self.smoothing.value() / _STEPS
            chart.moved.connect(self.live.show)
            self._stack.addWidget(chart)
            self.charts[key] = chart
        if key in self._legends:
            self._keys.removeWidget(self._legends[key])
            self._legends[key].deleteLater()
        self._legends[key] = legend
        self._keys.addWidget(legend)

    def _pick(self, key: str) -> None:
        self._picked = True
        self.show_chart(key)

    def _show_small(self, name: str) -> None:
        if self._record is not None:
            self.small[name].show_series(getattr(self._record, name))

    def _controls(self) -> QHBoxLayout:
        layout = row(gap=14)
        layout.addWidget(self._keys, 1)
        self.live = quiet("Back to live", "runs")
        self.live.setFixedHeight(24)
        self.live.hide()
        self.live.clicked.connect(self._follow)
        layout.addWidget(self.live)
        label = Text("S&moothing", "caption", tone="secondary", wrap=False)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, _STEPS - 1)
        self.smoothing.setValue(round(self.loss.smoothing * _STEPS))
        self.smoothing.setFixedWidth(96)
        self.smoothing.setAccessibleName("Smoothing of the curves")
        self.smoothing.valueChanged.connect(self._smooth)
        label.setBuddy(self.smoothing)
        self.log = QCheckBox("Log scale")
        self.log.setFont(theme.font("caption"))
        self.log.toggled.connect(self._log)
        for part in (label, self.smoothing, self.log):
            layout.addWidget(part)
        return layout

    def _smooth(self, value: int) -> None:
        for chart in self.charts.values():
            chart.smoothing = value / _STEPS
        self._draw()

    def _log(self, on: bool) -> None:
        self.loss.set_logarithmic(on)
        self._draw()

    def _follow(self) -> None:
        self.shown.follow()
        self.live.hide()

    def _draw(self) -> None:
        if self._record is not None:
            self.shown.show_record(self._record)


def _key(figure: Figure, held: bool) -> list[tuple[int, str, str]]:
    """The key of a chart: its lines, its band, and what the dots are."""
    titles = {m.name: m.title for m in figure.metrics}
    entries = [(i, LINE, titles[name]) for i, name in enumerate(Curves.drawn(figure))]
    if figure.band in titles:
        entries.insert(1, (0, BAND, titles[figure.band]))
    return [*entries, (0, DOTS, "held-out rows")] if held else entries
