"""A field for a message: Return sends it, Shift+Return begins a new line, and it grows with its lines."""

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from app.desktop.language import tr
from app.widgets.text_area import TextArea

_MOST_LINES = 6  # shown at once; longer messages scroll


class MessageEdit(TextArea):
    """`sent` when Return or Enter is pressed alone."""

    sent = Signal()

    def __init__(self, name: str, hint: str = "", height: int = 34) -> None:
        super().__init__(name, hint)
        self._least_height = height
        self.setAccessibleDescription(tr("Return sends the message, Shift and Return begin a new line."))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.textChanged.connect(self._fit)
        self._fit()

    def text(self) -> str:
        """The message, with its line breaks."""
        return self.toPlainText()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_return = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if is_return and modifiers == Qt.KeyboardModifier.NoModifier:
            self.sent.emit()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Take the height of the lines, up to _MOST_LINES."""
        lines = max(1, round(self.document().size().height()))  # a plain text's height is in lines
        margins = 2 * (self.frameWidth() + round(self.document().documentMargin())) + 2
        height = max(self._least_height, math.ceil(min(lines, _MOST_LINES) * self._line_height()) + margins)
        is_long = lines > _MOST_LINES
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if is_long else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        if self.height() != height:
            self.setFixedHeight(height)

    def _line_height(self) -> float:
        """Of a line as it is laid out, which may be a pixel more than the font says: the last line would not fit."""
        block = self.document().firstBlock()
        self.blockBoundingRect(block)  # lays it out
        layout = block.layout()
        return layout.lineAt(0).height() if layout.lineCount() else float(self.fontMetrics().lineSpacing())
