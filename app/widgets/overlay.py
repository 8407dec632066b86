"""What lies over the window while a file is dragged across it: says what dropping it would do."""

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app import icons, theme


class DropOverlay(QWidget):
    """Covers its parent while shown."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._sentence, self._accepted = "", True
        self.hide()
        parent.installEventFilter(self)

    def announce(self, sentence: str, accepted: bool) -> None:
        self._sentence, self._accepted = sentence, accepted
        self.setAccessibleName(sentence)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        parent = self.parentWidget()
        if watched is parent and parent is not None and event.type() == QEvent.Type.Resize:
            self.setGeometry(parent.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        ink = c.accent_text if self._accepted else c.bad
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = theme.mix(ink, c.window, 0.88)
        veil.setAlpha(235)
        painter.fillRect(self.rect(), veil)
        pen = QPen(ink, 2, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(16, 16, -16, -16), 14, 14)
        middle = self.rect().center()
        picture = icons.pixmap("drop" if self._accepted else "bad", ink, 44, self.devicePixelRatioF())
        painter.drawPixmap(middle.x() - 22, middle.y() - 64, picture)
        painter.setPen(c.text)
        painter.setFont(theme.font("title", bold=True))
        area = self.rect().adjusted(60, self.height() // 2 - 4, -60, 0)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap), self._sentence)
