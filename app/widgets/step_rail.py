"""The steps of New run in a row: finished steps have a check mark, and a click goes to a step."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QSizePolicy, QWidget

from app.desktop.language import tr
from app.style import icons, theme
from app.widgets.card import hbox
from app.widgets.focus_ring import is_from_keyboard

_DISC = 24


class _Step(QAbstractButton):
    """One step: a disc with its number or a check mark, and its name."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__()
        self.number, self.is_done, self._draws_ring = number, False, False
        self.setText(name)
        self.setCheckable(True)
        self.setAutoExclusive(True)  # to a screen reader one of several, not a box to tick
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Step {number}: {name}", number=number, name=name))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._draws_ring = is_from_keyboard(event.reason())

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(_DISC + 8 + round(metrics.horizontalAdvance(self.text()) * 1.12) + 8, 36)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        disc = QRectF(3, middle - _DISC / 2, _DISC, _DISC)
        is_current = self.isChecked()
        painter.setPen(
            Qt.PenStyle.NoPen if is_current else QPen(colours.accent_text if self.is_done else colours.secondary, 1.4)
        )
        painter.setBrush(colours.accent if is_current else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(disc)
        if self.is_done and not is_current:
            mark = icons.pixmap("check", colours.accent_text, 16, self.devicePixelRatioF())
            painter.drawPixmap(QPointF(disc.x() + 4, disc.y() + 4), mark)
        else:
            painter.setPen(Qt.GlobalColor.white if is_current else colours.secondary)
            painter.setFont(theme.font("caption", bold=True))
            painter.drawText(disc, int(Qt.AlignmentFlag.AlignCenter), str(self.number))
        painter.setPen(colours.text if is_current or self.underMouse() else colours.secondary)
        painter.setFont(theme.font(bold=is_current))
        painter.drawText(
            QRectF(_DISC + 10, 0, self.width(), self.height()), int(Qt.AlignmentFlag.AlignVCenter), self.text()
        )
        if self.hasFocus() and self._draws_ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.ring(colours))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)


class _Line(QWidget):
    """The line between two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(2)
        self.setMinimumWidth(8)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(0, 0, self.width(), 1, theme.colours(theme.palette()).separator)


class StepRail(QWidget):
    """`chosen(index)` when a person goes to a step."""

    chosen = Signal(int)

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        layout = hbox(self, gap=theme.GRID)
        self._group = QButtonGroup(self)
        self.steps: list[_Step] = []
        for i, name in enumerate(names):
            if i:
                layout.addWidget(_Line(), 1)
            step = _Step(i + 1, name)
            self._group.addButton(step, i)
            self.steps.append(step)
            layout.addWidget(step)
        self._group.idClicked.connect(self.chosen)

    def show_step(self, index: int, visited: int) -> None:
        """Mark `index` as the current step, and the other steps below `visited` as done."""
        self.steps[index].setChecked(True)
        for i, step in enumerate(self.steps):
            step.is_done = i < visited and i != index
            step.setAccessibleDescription(
                tr("Done") if step.is_done else tr("Current step") if i == index else tr("Not done yet")
            )
            step.update()
