"""What lies over the window while a file is dragged across it: says what dropping it would do."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.style import icons, theme


class DropOverlay(QWidget):
    """Covers its parent while shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._sentence, self._second, self._accepted = "", "", True
        self.over_second = False  # whether what is dragged is over the second half
        self.hide()
        parent.installEventFilter(self)

    def announce(self, sentence: str, accepted: bool, second: str = "") -> None:
        """Say what dropping would do; with `second`, what it would do in the lower half."""
        self._sentence, self._second, self._accepted = sentence, second, accepted
        self.over_second = False
        self.setAccessibleName(sentence)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def point(self, place: QPoint) -> None:
        """What is dragged is here, in the window's coordinates."""
        parent = self.parentWidget()
        below = parent is not None and parent.mapFrom(parent.window(), place).y() > self._border()
        if bool(self._second) and below != self.over_second:
            self.over_second = below
            self.setAccessibleName(self._second if below else self._sentence)
            self.update()

    def _border(self) -> int:
        """Where the second half begins."""
        return self.height() * 3 // 5

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        parent = self.parentWidget()
        if watched is parent and parent is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(parent.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect())
        if not self._second:
            self._paint_zone(painter, whole, whole.adjusted(16, 16, -16, -16), self._sentence, True)
            return
        upper, lower = QRectF(whole), QRectF(whole)
        upper.setBottom(self._border())
        lower.setTop(self._border())
        self._paint_zone(painter, upper, upper.adjusted(16, 16, -16, -6), self._sentence, not self.over_second)
        self._paint_zone(painter, lower, lower.adjusted(16, 6, -16, -16), self._second, self.over_second)

    def _paint_zone(self, painter: QPainter, ground: QRectF, frame: QRectF, sentence: str, meant: bool) -> None:
        c = theme.colours(theme.palette())
        ink = c.bad if not self._accepted else c.accent_text if meant else c.secondary
        veil = theme.mix(ink, c.window, 0.88 if meant else 0.97)
        veil.setAlpha(235)
        painter.fillRect(ground, veil)
        pen = QPen(ink, 2, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawRoundedRect(frame, 14, 14)
        middle = frame.center().toPoint()
        picture = icons.pixmap("drop" if self._accepted else "bad", ink, 44, self.devicePixelRatioF())
        painter.drawPixmap(middle.x() - 22, middle.y() - 56, picture)
        painter.setPen(c.text if meant else c.secondary)
        painter.setFont(theme.font("title", bold=True))
        area = QRectF(frame.adjusted(44, frame.height() / 2, -44, 0))
        painter.drawText(area, int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap), sentence)
