"""Labels in the window's three sizes, and icons beside them."""

import math

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
)
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QWidget

from app.desktop.language import tr
from app.style import icons, theme
from app.widgets.long_words import break_words, join_words
from core.text.sentence import Sentence

_SMALLEST = 0.75  # of its size that the letters of a title may shrink to


class Label(QLabel):
    """A label. `tone` names a colour of theme.Colours: "text", "secondary", "good", "warn", "bad", "accent_text".

    Where it wraps, a word that is longer than the line goes on in the next one; what is copied is what was written.
    """

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
        self._tone, self._sets_palette, self._written = tone, False, ""
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, bold, figures))
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self._apply_tone()
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show another text; a sentence of the core is said in the window's language."""
        self._written = tr(text) if isinstance(text, Sentence) else text
        super().setText(break_words(self._written) if self.wordWrap() else self._written)

    def text(self) -> str:
        """As it was written."""
        return self._written

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy_selection()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if not self.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse:
            super().contextMenuEvent(event)
            return
        menu = QMenu(self)
        menu.addAction(tr("Copy"), self._copy_selection).setEnabled(self.hasSelectedText())
        menu.addAction(tr("Select all"), lambda: self.setSelection(0, len(QLabel.text(self))))
        menu.popup(event.globalPos())

    def _copy_selection(self) -> None:
        QGuiApplication.clipboard().setText(join_words(self.selectedText()))

    def set_tone(self, tone: str) -> None:
        self._tone = tone
        self._apply_tone()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not self._sets_palette:
            self._apply_tone()

    def _apply_tone(self) -> None:
        if self._tone == "text":
            return
        app_palette = theme.palette()
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, getattr(theme.colours(app_palette), self._tone))
        self._sets_palette = True  # setting a palette is itself a change of palette
        self.setPalette(palette)
        self._sets_palette = False


def title(text: str) -> Label:
    """The heading of a page."""
    return Label(text, "title", bold=True)


def heading(text: str) -> Label:
    """The heading of a group."""
    return Label(text, bold=True)


def caption(text: str = "") -> Label:
    """A small, quieter line."""
    return Label(text, "caption", tone="secondary")


class ElidedLabel(Label):
    """One line that ends in … where it is too long for its width; the whole text is in the tooltip. With `shrinks` the
    letters of a long one are first made smaller, by a fourth at most."""

    def __init__(
        self, text: str, size: str = "body", *, bold: bool = False, tone: str = "text", shrinks: bool = False
    ) -> None:
        super().__init__(text, size, bold=bold, tone=tone, wrap=False)
        self._shrinks = shrinks
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show another text."""
        self.setText(text)
        self.setToolTip(self.text())
        self.setAccessibleName(self.text())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(self.shown_font())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter), text)

    def shown_font(self) -> QFont:
        """The font in which the text is drawn at the present width."""
        font, needed = QFont(self.font()), self.fontMetrics().horizontalAdvance(self.text())
        if self._shrinks and needed > self.width():
            font.setPixelSize(math.floor(font.pixelSize() * max(_SMALLEST, self.width() / needed)))
        return font


class IconLabel(QWidget):
    """An icon in a tone. The words beside it say the same, so it has no accessible name."""

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
