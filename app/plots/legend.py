"""The legend of a chart: a piece of each curve beside its name."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.desktop.language import tr
from app.runs.record import RunRecord
from app.style import theme
from app.widgets.card import hbox
from app.widgets.labels import Label
from core.methods import ChartSpec

LINE, FAINT, DOTS, BAND, STAR, DASHES = "line", "faint", "dots", "band", "star", "dashes"  # kinds of strokes

_DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


def run_dash(index: int, first: int = 0) -> Qt.PenStyle:
    """The dash of the run at an index, beside colour `index` of the palette's series: twelve looks in all.

    Where the first look is above 0, a whole line is left to the chart's own curves.
    """
    return _DASHES[1 + (index - first) % (len(_DASHES) - 1)] if first else _DASHES[index % len(_DASHES)]


class LegendEntry(NamedTuple):
    """One curve of a chart."""

    colour: int  # index into the palette's series
    stroke: str  # one of the kinds above
    words: str
    dash: Qt.PenStyle = Qt.PenStyle.SolidLine  # of a line


LOSS_LEGEND = [
    LegendEntry(0, FAINT, tr("each step")),
    LegendEntry(0, LINE, tr("smoothed")),
    LegendEntry(1, DOTS, tr("held-out rows")),
    LegendEntry(1, STAR, tr("best")),
    LegendEntry(0, DASHES, tr("checkpoint")),
]


def metric_legend(spec: ChartSpec, record: RunRecord | None) -> list[LegendEntry]:
    """The lines of a chart, its band, and what the dots are."""
    legends = {metric.name: tr(metric.legend) for metric in spec.metrics}
    entries = [LegendEntry(i, LINE, legends[name]) for i, name in enumerate(spec.lines)]
    if spec.band in legends:
        entries.insert(1, LegendEntry(0, BAND, legends[spec.band]))
    has_dots = record is not None and any(name in record.eval_metrics for name in legends)
    return [*entries, LegendEntry(0, DOTS, tr("held-out rows"))] if has_dots else entries


class Stroke(QWidget):
    """A piece of a curve in its colour: a line, a faint line, a line with a dot, or a band."""

    def __init__(self, colour: int, kind: str = LINE, dash: Qt.PenStyle = Qt.PenStyle.SolidLine) -> None:
        super().__init__()
        self._colour, self._kind, self._dash = colour, kind, dash
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(18 if self._dash is Qt.PenStyle.SolidLine else 30, 12)  # so long that the dash is seen

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.parse_colour(c.series[self._colour % len(c.series)])
        if self._kind == BAND:
            colour.setAlpha(90)
            painter.fillRect(1, 2, 16, 8, colour)
            return
        if self._kind == FAINT:
            colour.setAlpha(150 if c.dark else 110)
        if self._kind == STAR:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawPolygon(_star(9, 6, 6))
            return
        if self._kind == DASHES:
            painter.setPen(QPen(theme.mix(c.secondary, c.base, 0.5), 1, Qt.PenStyle.DashLine))
            painter.drawLine(9, 0, 9, 12)
            return
        painter.setPen(QPen(colour, 1.2 if self._kind == FAINT else 2, self._dash))
        painter.drawLine(1, 6, self.width() - 1, 6)
        if self._kind == DOTS:
            painter.setBrush(colour)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawEllipse(QRectF(5.5, 2.5, 7, 7))


def _star(x: float, y: float, radius: float) -> QPolygonF:
    """A star with five points around (x, y)."""
    turns = [math.pi * (i / 5 - 0.5) for i in range(10)]
    sizes = [radius, 0.45 * radius] * 5
    return QPolygonF([QPointF(x + r * math.cos(t), y + r * math.sin(t)) for r, t in zip(sizes, turns, strict=True)])


class Legend(QWidget):
    """Strokes and names in a row."""

    def __init__(self, entries: Sequence[LegendEntry]) -> None:
        super().__init__()
        layout = hbox(self, gap=14)
        for entry in entries:
            pair = hbox(gap=6)
            pair.addWidget(Stroke(entry.colour, entry.stroke, entry.dash))
            pair.addWidget(Label(entry.words, "caption", tone="secondary", wrap=False))
            layout.addLayout(pair)
        layout.addStretch()
