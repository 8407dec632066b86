"""The axes of charts: plain numbers on the left; steps, tokens or training time at the bottom."""

import math
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QFontMetricsF

from app.desktop.language import localize, tr
from app.runs.numbers import format_plain
from app.runs.record import RunRecord
from app.runs.status_text import format_duration

STEP, TOKENS, TIME = "step", "tokens", "time"
_LINE = 17  # pixels of a number and the space above it
_BESIDE = 8  # pixels of an axis beside its title
X_TITLES = {STEP: tr("Step"), TOKENS: tr("Tokens seen"), TIME: tr("Training time")}


class PlainAxis(pg.AxisItem):  # type: ignore[misc, unused-ignore]
    """An axis whose numbers are written out: 0.0002, not 2e-04. `is_share` writes 0.5 as 50%."""

    def __init__(self, orientation: str, is_share: bool = False) -> None:
        self._title = ""  # of a left axis
        super().__init__(orientation)
        self.is_share = is_share
        self.kind = ""  # of a bottom axis: STEP, TOKENS or TIME

    def set_title(self, title: str) -> None:
        """Name what is counted, with the unit in brackets, as far as there is room for it."""
        self._title = title
        self._fit_title()

    def resizeEvent(self, ev: Any = None) -> None:
        super().resizeEvent(ev)
        if self._title:
            self._fit_title()

    def _fit_title(self) -> None:
        """The title as a whole, without its unit, or none at all: whatever fits along the axis."""
        width = QFontMetricsF(self.label.font()).horizontalAdvance
        titles = (self._title, self._title.partition(" (")[0], "")
        fitting = next(title for title in titles if not title or width(title) + _BESIDE < self.size().height())
        if fitting != self.labelText:
            self.setLabel(fitting)
            self.showLabel(bool(fitting))
            super().resizeEvent(None)  # it stands where the title before it had its middle

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float | None, list[float]]]:
        """Of the numbers on the left as many as have room above each other. A logarithmic axis has no spacing."""
        levels: list[tuple[float | None, list[float]]] = super().tickValues(minVal, maxVal, size)
        if self.orientation != "left":
            return levels
        most = max(1, int(size // _LINE))
        thinned = []
        for spacing, values in levels:
            every = max(1, math.ceil(len(values) / most))
            first = ((len(values) - 1) % every + 1) // 2  # in the middle: at an end it may have no room
            thinned.append((spacing and spacing * every, values[first::every]))
        return thinned

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.logMode:
            return [format_plain(10**v) for v in values]
        if self.is_share:
            return [localize(f"{v:.0%}") for v in values]
        if self.kind == TIME:
            return [format_duration(v) if v >= 0 else "" for v in values]
        if self.kind:
            return [_shorten(v) if v >= 0 and v == round(v) else "" for v in values]
        places = max(0, min(8, -math.floor(math.log10(spacing)))) if spacing > 0 else 0
        return [localize(f"{v:,.{places}f}") if abs(v) < 1e6 else format_plain(v) for v in values]


def convert_steps(record: RunRecord, steps: Any, kind: str) -> Any:
    """Where steps lie on a bottom axis of a kind: themselves, the tokens seen by then, or the seconds of training."""
    steps = np.asarray(steps, dtype=float)
    reached = {TOKENS: record.tokens, TIME: record.seconds}.get(kind)
    if reached is None or not len(reached):
        return steps
    x, y = np.asarray(reached.x), np.asarray(reached.y)
    return np.interp(steps, np.concatenate(([0.0], x)), np.concatenate(([0.0], y)))


def _shorten(v: float) -> str:
    """A count in few letters: 950, 12,500, 1.2 M."""
    return localize(f"{v / 1e6:g} M" if v >= 1e6 else f"{v:,.0f}")
