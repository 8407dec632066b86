"""Labels in the window's three sizes, and small pictures beside them."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.style import icons, theme


class Text(QLabel):
    """A label. `tone` names a colour of theme.Colours: "text", "secondary", "good", "warn", "bad", "accent_text"."""

    def __init__(
        self,
        text: str = "",
        size: str = "body",
        *,
        bold: bool = False,
        tone: str = "text",
        wrap: bool = True,
        figures: bool = False,
        selectable: bool = False,
    ) -> None:
        self._tone, self._painting = tone, False
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, bold, figures))
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self._paint_tone()

    def set_tone(self, tone: str) -> None:
        self._tone = tone
        self._paint_tone()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not self._painting:
            self._paint_tone()

    def _paint_tone(self) -> None:
        if self._tone == "text":
            return
        app_palette = theme.palette()
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, getattr(theme.colours(app_palette), self._tone))
        self._painting = True  # setting a palette is itself a change of palette
        self.setPalette(palette)
        self._painting = False


def title(text: str) -> Text:
    """The heading of a page."""
    return Text(text, "title", bold=True)


def heading(text: str) -> Text:
    """The heading of a group."""
    return Text(text, bold=True)


def caption(text: str = "") -> Text:
    """A small, quieter line."""
    return Text(text, "caption", tone="secondary")


class Elided(Text):
    """One line that ends in … where the room ends; the whole of it is in the tooltip."""

    def __init__(self, text: str, size: str = "body", *, bold: bool = False, tone: str = "text") -> None:
        super().__init__(text, size, bold=bold, tone=tone, wrap=False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(text)
        self.setAccessibleName(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), shown)


class Glyph(QWidget):
    """An icon by itself, in a tone. The words beside it say the same, so it is hidden from screen readers."""

    def __init__(self, name: str, tone: str = "secondary", size: int = 18) -> None:
        super().__init__()
        self._name, self._tone, self._size = name, tone, size
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_icon(self, name: str, tone: str) -> None:
        self._name, self._tone = name, tone
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._size, self._size)

    def paintEvent(self, event: QPaintEvent) -> None:
        colour: QColor = getattr(theme.colours(theme.palette()), self._tone)
        QPainter(self).drawPixmap(0, 0, icons.pixmap(self._name, colour, self._size, self.devicePixelRatioF()))
