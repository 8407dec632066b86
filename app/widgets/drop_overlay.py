"""The overlay over the window while a file is dragged across it: it says what dropping the file would do."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.style import icons, theme


class DropOverlay(QWidget):
    """Covers its parent while it is shown. It may have two halves, each with a sentence of its own."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._sentence, self._second_sentence, self._accepted = "", "", True
        self.over_second = False  # whether what is dragged is over the second half
        self.hide()
        parent.installEventFilter(self)

    def announce(self, sentence: str, accepted: bool, second_sentence: str = "") -> None:
        """Say what dropping would do; with `second_sentence`, what it would do in the lower half.

        `accepted` is False where dropping would do nothing.
        """
        self._sentence, self._second_sentence, self._accepted = sentence, second_sentence, accepted
        self.over_second = False
        self.setAccessibleName(sentence)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def set_position(self, position: QPoint) -> None:
        """Mark the half under the mouse, whose position is in the window's coordinates."""
        parent = self.parentWidget()
        in_second = parent is not None and parent.mapFrom(parent.window(), position).y() > self._second_top()
        if bool(self._second_sentence) and in_second != self.over_second:
            self.over_second = in_second
            self.setAccessibleName(self._second_sentence if in_second else self._sentence)
            self.update()

    def _second_top(self) -> int:
        """The upper edge of the second half, in pixels."""
        return self.height() * 3 // 5

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        parent = self.parentWidget()
        if watched is parent and parent is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(parent.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        if not self._second_sentence:
            self._paint_zone(painter, area, area.adjusted(16, 16, -16, -16), self._sentence, True)
            return
        upper, lower = QRectF(area), QRectF(area)
        upper.setBottom(self._second_top())
        lower.setTop(self._second_top())
        self._paint_zone(painter, upper, upper.adjusted(16, 16, -16, -6), self._sentence, not self.over_second)
        self._paint_zone(painter, lower, lower.adjusted(16, 6, -16, -16), self._second_sentence, self.over_second)

    def _paint_zone(self, painter: QPainter, area: QRectF, frame: QRectF, sentence: str, active: bool) -> None:
        colours = theme.colours(theme.palette())
        ink = colours.bad if not self._accepted else colours.accent_text if active else colours.secondary
        veil = theme.mix(ink, colours.window, 0.88 if active else 0.97)
        veil.setAlpha(235)
        painter.fillRect(area, veil)
        pen = QPen(ink, 2, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 14, 14)
        center = frame.center().toPoint()
        icon = icons.pixmap("drop" if self._accepted else "bad", ink, 44, self.devicePixelRatioF())
        painter.drawPixmap(center.x() - 22, center.y() - 56, icon)
        painter.setPen(colours.text if active else colours.secondary)
        painter.setFont(theme.font("title", bold=True))
        text_area = QRectF(frame.adjusted(44, frame.height() / 2, -44, 0))
        painter.drawText(text_area, int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap), sentence)
