"""The ring that shows where the keyboard's focus is. A Mac draws its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from app.style import theme
from app.widgets.input_box import RADIUS

_KEYBOARD_REASONS = (
    Qt.FocusReason.TabFocusReason,
    Qt.FocusReason.BacktabFocusReason,
    Qt.FocusReason.ShortcutFocusReason,
)
_clicks: list[bool] = []  # one for each click that is being carried out


@contextmanager
def carried_out_by_click() -> Iterator[None]:
    """While this runs the mouse moves the focus: Qt names the keyboard where a page that goes takes it along."""
    _clicks.append(True)
    try:
        yield
    finally:
        _clicks.pop()


def is_from_keyboard(reason: Qt.FocusReason) -> bool:
    """Whether the keyboard has brought the focus, which then shows; after a click the ring is noise."""
    return reason in _KEYBOARD_REASONS and not _clicks


def hand_on_focus(gone: QWidget, next_one: QWidget) -> None:
    """Let `next_one` have the keyboard where `gone`, which is about to be hidden, has it: Qt would give it to whatever
    comes next."""
    focus = gone.window().focusWidget()
    if focus is not None and (focus is gone or gone.isAncestorOf(focus)):
        next_one.setFocus()


if TYPE_CHECKING:
    _Base = QWidget
else:
    _Base = object


class FocusRing(_Base):
    """Mixed into a widget, before the class of Qt: paints the ring over it once the keyboard has brought the focus."""

    follows_clicks = False  # whether a click is shown as well, as where arrows and Tab then act inside the widget
    _draws_ring = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._draws_ring = self.follows_clicks or is_from_keyboard(event.reason())
        self._ringed.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._ringed.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not (self.hasFocus() and self._draws_ring) or theme.NATIVE:
            return
        painter = QPainter(self._ringed)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.ring(theme.colours(theme.palette())))
        painter.drawRoundedRect(QRectF(self._ringed.rect()).adjusted(1, 1, -1, -1), RADIUS, RADIUS)

    @property
    def _ringed(self) -> QWidget:
        """The widget that is painted on: what scrolls, in a scroll area."""
        return self.viewport() if isinstance(self, QAbstractScrollArea) else self
