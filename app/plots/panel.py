"""The Charts tab of a run: one large chart out of the method's, with its key and controls, and four small ones."""

import itertools
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSlider, QStackedWidget, QWidget

from app.plots.legend import BAND, DOTS, FAINT, LINE, Key
from app.plots.small_chart import small_charts
from app.runs.metrics import Figure, figures
from app.runs.record import Record
from app.style import theme
from app.threads.task import Task
from app.threads.throttle import Throttle
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption
from app.widgets.segmented_control import Segments

if TYPE_CHECKING:  # bring in pyqtgraph
    from app.plots.curves import Curves
    from app.plots.loss_chart import LossChart

_STEPS = 100  # positions of the smoothing slider
_SMOOTHING = 90
_FIRST_MS = 50  # the page itself is drawn first
_SMALL_MS = 70  # after the large chart: two pictures in one go would make the window late
_REDRAW_MS = 40  # while a person zooms
LOSS = "loss"
_LOSS_KEY = [(0, FAINT, "each step"), (0, LINE, "smoothed"), (1, DOTS, "held-out rows")]


class Charts(QWidget):
    """Draws a Record whenever show_record is called.

    The first call imports pyqtgraph, on a thread of its own, and makes the charts, one a turn of the window's loop:
    all of them at once would hold it up for a third of a second. A method's own charts are made when they are shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self._record: Record | None = None
        self._picked = False  # a person has chosen a chart
        self._names: frozenset[str] = frozenset()  # the metrics there are charts for
        self._figures: dict[str, Figure] = {}
        self.charts: dict[str, LossChart | Curves] = {}  # those that are made
        self.loss: LossChart | None = None
        self._legends: dict[str, Key] = {}
        self._asked = self._imported = False  # for what the charts are made with
        self.ready = False  # the large chart and the four small ones are made
        self._shown = LOSS
        layout = column(self, gap=theme.GRID)
        main = Card()
        inner = column(main, gap=4)
        inner.setContentsMargins(14, 10, 12, 8)
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
        layout.addWidget(main, 5)
        below = row(gap=theme.GRID)
        self.small = small_charts()
        self._turn = itertools.cycle(self.small)
        self._later = QTimer(self, singleShot=True, interval=_SMALL_MS)
        self._redraw = Throttle(self._draw, _REDRAW_MS, self)
        self._later.timeout.connect(lambda: self._show_small(next(self._turn)))
        for chart in self.small.values():
            chart.setMinimumHeight(84)
            chart.setMaximumHeight(150)
            below.addWidget(chart, 1)
        layout.addLayout(below, 2)

    @property
    def shown(self) -> "LossChart | Curves":
        """The large chart, once it is made."""
        return self.charts[self._shown]

    def show_record(self, record: Record) -> None:
        """Draw a run as it is now."""
        self._take(record)
        for name in self.small:
            self._show_small(name)

    def show_next(self, record: Record) -> None:
        """Draw the large chart, and a little later one of the small ones, the next each time: a picture stays quick
        to draw."""
        self._take(record)
        if self.ready:
            self._later.start()

    def show_chart(self, key: str) -> None:
        """Put a chart in the large place."""
        self._shown = key
        self.choice.choose(key)
        figure = self._figures.get(key)
        self.sentence.setText(figure.sentence if figure else "")
        self.sentence.setVisible(figure is not None)
        self.log.setVisible(key == LOSS)
        self.live.hide()
        if self._imported:
            self._bring(key)
        self._draw()

    def _take(self, record: Record) -> None:
        """Draw what is there, and offer charts of the metrics that have come."""
        self._record = record
        if not self._asked:
            self._asked = True
            QTimer.singleShot(_FIRST_MS, self, lambda: Task(self, import_charts, done=self._begin))
        names = frozenset(record.metrics) | frozenset(record.held)
        if names == self._names:
            self._draw()
            return
        self._names = names
        method = record.started.method if record.started else ""
        before, self._figures = self._figures, {f.key: f for f in figures(method, sorted(names))}
        for key in [k for k in self._legends if k != LOSS]:
            self._keys.removeWidget(self._legends[key])
            self._legends.pop(key).deleteLater()
        for key, figure in before.items():
            if key in self.charts and figure != self._figures.get(key):
                old = self.charts.pop(key)  # it had fewer curves
                self._stack.removeWidget(old)
                old.deleteLater()
        self.choice.show_choices({LOSS: "Loss", **{f.key: f.title for f in self._figures.values()}})
        self.choice.setVisible(bool(self._figures))
        self.show_chart(self._shown if self._picked or not self._figures else next(iter(self._figures)))

    def _begin(self, _: object) -> None:
        self._imported = True
        self.show_chart(self._shown)
        QTimer.singleShot(0, self, self._build_next)

    def _build_next(self) -> None:
        """Make one of the small charts, and the next one in the next turn."""
        name = next((name for name, chart in self.small.items() if chart.chart is None), None)
        if name is None:
            self.ready = True
            return
        self.small[name].build()
        self._show_small(name)
        QTimer.singleShot(0, self, self._build_next)

    def _bring(self, key: str) -> None:
        """Put a chart and its key in front, made if they are not there yet."""
        figure = self._figures.get(key)
        if key not in self.charts:
            self.charts[key] = chart = self._make(figure)
            chart.smoothing = self.smoothing.value() / _STEPS
            chart.moved.connect(self.live.show)
            chart.moved.connect(self._redraw)
            self._stack.addWidget(chart)
        if key not in self._legends:
            self._legends[key] = Key(self._key(figure) if figure else _LOSS_KEY)
            self._keys.addWidget(self._legends[key])
        self._stack.setCurrentWidget(self.charts[key])
        self._keys.setCurrentWidget(self._legends[key])

    def _make(self, figure: Figure | None) -> "LossChart | Curves":
        from app.plots.curves import Curves
        from app.plots.loss_chart import LossChart

        if figure:
            return Curves(figure)
        self.loss = LossChart()
        self.loss.set_logarithmic(self.log.isChecked())
        return self.loss

    def _key(self, figure: Figure) -> list[tuple[int, str, str]]:
        """The key of a chart: its lines, its band, and what the dots are."""
        titles = {m.name: m.title for m in figure.metrics}
        entries = [(i, LINE, titles[name]) for i, name in enumerate(figure.lines)]
        if figure.band in titles:
            entries.insert(1, (0, BAND, titles[figure.band]))
        held = self._record is not None and any(name in self._record.held for name in titles)
        return [*entries, (0, DOTS, "held-out rows")] if held else entries

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
        self.smoothing.setValue(_SMOOTHING)
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
        if self.loss is not None:
            self.loss.set_logarithmic(on)
        self._draw()

    def _follow(self) -> None:
        self.shown.follow()
        self.live.hide()
        self._draw()

    def _draw(self) -> None:
        if self._record is not None and self._shown in self.charts:
            self.shown.show_record(self._record)


def import_charts() -> None:
    """Import what draws charts, which takes half a second."""
    import app.plots.curves
    import app.plots.line_chart
    import app.plots.loss_chart  # noqa: F401
