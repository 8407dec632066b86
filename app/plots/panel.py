"""The Charts tab of a run: the loss with its controls, and four small charts below it."""

import itertools

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSizePolicy, QSlider, QWidget

from app import theme
from app.plots.loss import LossChart
from app.plots.small import small_charts
from app.record import Record
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, row
from app.widgets.text import Text

_STEPS = 100  # positions of the smoothing slider


class Charts(QWidget):
    """Draws a Record whenever show_record is called."""

    def __init__(self) -> None:
        super().__init__()
        self._record: Record | None = None
        layout = column(self, gap=theme.GRID)
        main = Card()
        inner = column(main, gap=4)
        inner.setContentsMargins(14, 10, 12, 8)
        self.loss = LossChart()
        inner.addLayout(self._controls())
        inner.addWidget(self.loss, 1)
        layout.addWidget(main, 5)
        below = row(gap=theme.GRID)
        self.small = small_charts()
        self._turn = itertools.cycle(self.small)
        for chart in self.small.values():
            chart.setMinimumHeight(84)
            chart.setMaximumHeight(150)
            below.addWidget(chart, 1)
        layout.addLayout(below, 2)

    def show_record(self, record: Record) -> None:
        """Draw a run as it is now."""
        self._record = record
        self.loss.show_record(record)
        for name in self.small:
            self._show_small(name)

    def show_next(self, record: Record) -> None:
        """Draw the loss and one of the small charts, the next one each time: a picture stays quick to draw."""
        self._record = record
        self.loss.show_record(record)
        self._show_small(next(self._turn))

    def _show_small(self, name: str) -> None:
        if self._record is not None:
            self.small[name].show_series(getattr(self._record, name))

    def _controls(self) -> QHBoxLayout:
        layout = row(gap=14)
        layout.addWidget(Text("Loss", bold=True, wrap=False))
        for key, words in (("raw", "each step"), ("smooth", "smoothed"), ("held", "held-out rows")):
            layout.addWidget(_Key(key))
            layout.addWidget(Text(words, "caption", tone="secondary", wrap=False))
        layout.addStretch()
        self.live = quiet("Back to live", "runs")
        self.live.setFixedHeight(24)
        self.live.hide()
        self.live.clicked.connect(self._follow)
        self.loss.moved.connect(self.live.show)
        layout.addWidget(self.live)
        label = Text("S&moothing", "caption", tone="secondary", wrap=False)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, _STEPS - 1)
        self.smoothing.setValue(round(self.loss.smoothing * _STEPS))
        self.smoothing.setFixedWidth(96)
        self.smoothing.setAccessibleName("Smoothing of the loss curve")
        self.smoothing.valueChanged.connect(self._smooth)
        label.setBuddy(self.smoothing)
        self.log = QCheckBox("Log scale")
        self.log.setFont(theme.font("caption"))
        self.log.toggled.connect(self._log)
        for part in (label, self.smoothing, self.log):
            layout.addWidget(part)
        return layout

    def _smooth(self, value: int) -> None:
        self.loss.smoothing = value / _STEPS
        self._draw()

    def _log(self, on: bool) -> None:
        self.loss.set_logarithmic(on)
        self._draw()

    def _follow(self) -> None:
        self.loss.follow()
        self.live.hide()

    def _draw(self) -> None:
        if self._record is not None:
            self.loss.show_record(self._record)


class _Key(QWidget):
    """A piece of a curve beside its name."""

    def __init__(self, curve: str) -> None:
        super().__init__()
        self._curve = curve
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(18, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.named(c.series[1 if self._curve == "held" else 0])
        if self._curve == "raw":
            colour.setAlpha(150 if c.dark else 110)
        painter.setPen(QPen(colour, 1.2 if self._curve == "raw" else 2))
        painter.drawLine(1, 6, 17, 6)
        if self._curve == "held":
            painter.setBrush(colour)
            painter.drawEllipse(QRectF(5.5, 2.5, 7, 7))
