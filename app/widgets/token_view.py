"""What the model sees of one row: every token, with those it learns coloured and underlined."""

from typing import Any

from PySide6.QtCore import QEvent, QMimeData, QRectF
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextLayout,
)
from PySide6.QtWidgets import QFrame, QTextEdit, QToolTip

from app.style import theme
from app.widgets.scrollbar import thin

_BREAK = "\u200b"  # before and after a chip, where a line may end
_JOIN = "\u2060"  # between the characters of a chip, so that no line ends within one
_SPACE = "\u202f"  # a little room on both sides of a chip, at which no line ends
_LINE_HEIGHT = 135  # per cent, so that chips on neighbouring lines do not touch
LONGEST = 6000  # tokens drawn of one row


class SeenView(QTextEdit):
    """Read-only text of tokens. Special tokens are chips, cut ones struck through behind a mark."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("What the model sees")
        thin(self)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(14)
        self._tokens: list[Any] = []
        self._starts: list[int] = []  # where each token begins in the document
        self._chips: list[tuple[int, int]] = []

    def show_tokens(self, tokens: Any) -> None:
        """Show core.data.preview.inspect's tokens."""
        self._tokens = list(tokens[:LONGEST])
        self._draw()
        learned = sum(t.learned for t in tokens)
        self.setAccessibleDescription(f"{len(tokens)} tokens, {learned} of them learned")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_tokens"):
            self._draw()

    def createMimeDataFromSelection(self) -> QMimeData:
        """What is copied: the tokens' own text."""
        data = QMimeData()
        text = self.textCursor().selection().toPlainText()
        for mark in (_BREAK, _JOIN, _SPACE):
            text = text.replace(mark, "")
        data.setText(text.replace("↵\n", "\n"))
        return data

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._explain(event)
            return True
        return super().viewportEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.mix(c.text, c.base, 0.75))
        painter.setBrush(theme.mix(c.text, c.base, 0.92))
        for start, end in self._chips:
            for box in self._boxes(start, end):
                if box.intersects(QRectF(event.rect())):
                    painter.drawRoundedRect(box, 4, 4)
        painter.end()
        super().paintEvent(event)

    def _draw(self) -> None:
        c = theme.colours(theme.palette())
        self.clear()
        self._starts, self._chips = [], []
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        airy = QTextBlockFormat()
        airy.setLineHeight(_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor.setBlockFormat(airy)
        cut = False
        for token in self._tokens:
            if token.cut and not cut:
                cut = True
                cursor.insertText(" ✂ cut here ", self._format(c.bad, bold=True))
            self._starts.append(cursor.position())
            self._insert(cursor, token, c)
        cursor.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def _insert(self, cursor: QTextCursor, token: Any, c: theme.Colours) -> None:
        ink = c.text if token.learned else c.secondary
        form = self._format(ink, struck=token.cut)
        if token.learned:
            form.setBackground(c.tint)
            form.setFontUnderline(True)
            form.setUnderlineColor(c.accent_text)
        if token.special:
            cursor.insertText(_BREAK, self._format(ink))
            start = cursor.position()
            form.setFont(theme.monospace())
            form.setFontUnderline(token.learned)
            form.clearBackground()
            cursor.insertText(_JOIN.join(f"{_SPACE}{token.text}{_SPACE}"), form)
            self._chips.append((start, cursor.position()))
            cursor.insertText(_BREAK, self._format(ink))
            return
        cursor.insertText(token.text.replace("\n", "↵\n"), form)

    def _format(self, ink: QColor, bold: bool = False, struck: bool = False) -> QTextCharFormat:
        form = QTextCharFormat()
        form.setForeground(ink)
        form.setFont(theme.font(bold=bold))
        form.setFontStrikeOut(struck)
        return form

    def _boxes(self, start: int, end: int) -> list[QRectF]:
        """Where the characters from start to end are drawn, a box for each line, in the viewport."""
        block: QTextBlock = self.document().findBlock(start)
        layout: QTextLayout = block.layout()
        origin = self.document().documentLayout().blockBoundingRect(block).topLeft()
        boxes = []
        height = QFontMetricsF(theme.font()).height()
        for i in range(layout.lineCount()):
            line = layout.lineAt(i)
            first = max(start - block.position(), line.textStart())
            last = min(end - block.position(), line.textStart() + line.textLength())
            if first >= last:
                continue
            left, right = _x(line, first), _x(line, last)
            top = line.y() + (line.height() - height) / 2
            boxes.append(
                QRectF(left, top, right - left, height).translated(
                    origin.x() - self.horizontalScrollBar().value(), origin.y() - self.verticalScrollBar().value()
                )
            )
        return boxes

    def _explain(self, event: QHelpEvent) -> None:
        position = self.cursorForPosition(event.pos()).position()
        n = sum(start <= position for start in self._starts) - 1
        if not 0 <= n < len(self._tokens):
            return
        token = self._tokens[n]
        what = "cut, never seen" if token.cut else "learned" if token.learned else "read only"
        QToolTip.showText(event.globalPos(), f"Token {n + 1}: {token.text!r}, number {token.id}, {what}", self)


def _x(line: Any, position: int) -> float:
    found = line.cursorToX(position)
    return float(found[0] if isinstance(found, tuple) else found)
