"""A line under the pointer, and beside it the values of the curves there."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF

from app.style import theme

if TYPE_CHECKING:
    from app.plots.chart import Chart

_BESIDE = 0.6  # of the width: further right the words stand on the line's left


class Crosshair:
    """Shows the values of a chart's named curves at the point of the first one that is nearest to the pointer."""

    def __init__(self, chart: "Chart") -> None:
        self._chart = chart
        self.words = ""  # what stands there
        self._line = pg.InfiniteLine(angle=90, movable=False)
        self._label = pg.TextItem("", anchor=(0, 0))
        self._label.setZValue(50)
        plot = chart.getPlotItem()
        for item in (self._line, self._label):
            item.hide()
            plot.addItem(item, ignoreBounds=True)
        chart.scene().sigMouseMoved.connect(self._follow)

    def restyle(self, c: theme.Colours) -> None:
        """Apply the colours of the current palette."""
        self._line.setPen(self._chart.pen(c.secondary, 1))
        self._label.setColor(c.text)
        self._label.fill = pg.mkBrush(c.base)
        self._label.border = self._chart.pen(c.separator, 1)
        self._label.setFont(theme.font("caption", figures=True))

    def hide(self) -> None:
        self.words = ""
        self._line.hide()
        self._label.hide()

    def _follow(self, position: QPointF) -> None:
        view = self._chart.getViewBox()
        if not view.sceneBoundingRect().contains(position):
            self.hide()
            return
        self.show_at(float(view.mapSceneToView(position).x()))

    def show_at(self, x: float) -> None:
        """Show the values at the point that is nearest to `x`."""
        rows: list[tuple[str, float]] = []
        place: float | None = None
        for name, words in self._chart.curve_words().items():
            found = _nearest(self._chart.curves[name], x)
            if found is not None:
                place = found[0] if place is None else place
                rows.append((words, found[1]))
        if place is None:
            self.hide()
            return
        axis = self._chart.getAxis("bottom")
        (head,) = axis.tickStrings([place if axis.kind == "time" else round(place)], 1.0, 1.0)
        lines = [f"{axis.title} {head}", *(f"{words}: {self._chart.format_value(value)}" for words, value in rows)]
        self.words = "\n".join(lines)
        self._label.setText(self.words)
        (left, right), (_, top) = self._chart.getViewBox().viewRange()
        self._label.setAnchor((1.05 if (place - left) > _BESIDE * (right - left) else -0.05, 0))
        self._label.setPos(place, top)
        self._line.setPos(place)
        self._line.show()
        self._label.show()


def _nearest(curve: Any, x: float) -> tuple[float, float] | None:
    """The finite point of a curve that is nearest to `x`, as it was given to the curve."""
    xs, ys = curve.getOriginalDataset()
    if xs is None or not len(xs):
        return None
    xs, ys = np.asarray(xs), np.asarray(ys)
    finite = np.isfinite(ys)
    if not finite.any():
        return None
    xs, ys = xs[finite], ys[finite]
    i = int(np.abs(xs - x).argmin())
    return float(xs[i]), float(ys[i])
