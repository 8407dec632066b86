"""The tokens of one row as the model gets them; those that the loss is taken on are coloured and underlined."""

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

from app.desktop.language import tr
from app.style import theme
from app.widgets.scrollbar import use_thin_scrollbars

_BREAK = "\u200b"  # before and after a chip, where a line may end
_JOIN = "\u2060"  # between the characters of a chip, so that no line ends within one
_SPACE = "\u202f"  # a little room on both sides of a chip, at which no line ends
_LINE_HEIGHT = 135  # per cent, so that chips on neighbouring lines do not touch
MAX_TOKENS = 6000  # tokens drawn of one row


class TokenView(QTextEdit):
    """A read-only text of tokens. Special tokens are chips; tokens beyond the maximum length are struck through."""

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(tr("What the model sees"))
        use_thin_scrollbars(self)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(14)
        self._tokens: list[Any] = []
        self._starts: list[int] = []  # the position of each token in the document
        self._chips: list[tuple[int, int]] = []  # (start, end) of special tokens in the document

    def show_tokens(self, tokens: Any) -> None:
        """Show tokens of core.data.preview.inspect."""
        self._tokens = list(tokens[:MAX_TOKENS])
        self._draw()
        learned_count = sum(t.learned for t in tokens)
        self.setAccessibleDescription(
            tr("{count} tokens, {learned_count} of them learned", count=len(tokens), learned_count=learned_count)
        )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_tokens"):
            self._draw()

    def createMimeDataFromSelection(self) -> QMimeData:
        """The tokens' own text, without the marks that are added for drawing."""
        data = QMimeData()
        text = self.textCursor().selection().toPlainText()
        for mark in (_BREAK, _JOIN, _SPACE):
            text = text.replace(mark, "")
        data.setText(text.replace("↵\n", "\n"))
        return data

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            self._show_tooltip(event)
            return True
        return super().viewportEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.colours(theme.palette())
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.mix(colours.text, colours.base, 0.75))
        painter.setBrush(theme.mix(colours.text, colours.base, 0.92))
        for start, end in self._chips:
            for box in self._boxes(start, end):
                if box.intersects(QRectF(event.rect())):
                    painter.drawRoundedRect(box, 4, 4)
        painter.end()
        super().paintEvent(event)

    def _draw(self) -> None:
        colours = theme.colours(theme.palette())
        self.clear()
        self._starts, self._chips = [], []
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        line_spacing = QTextBlockFormat()
        line_spacing.setLineHeight(_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor.setBlockFormat(line_spacing)
        has_cut_mark = False
        for token in self._tokens:
            if token.cut and not has_cut_mark:
                has_cut_mark = True
                cursor.insertText(tr(" ✂ cut here "), self._format(colours.bad, bold=True))
            self._starts.append(cursor.position())
            self._insert(cursor, token, colours)
        cursor.endEditBlock()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def _insert(self, cursor: QTextCursor, token: Any, colours: theme.Colours) -> None:
        ink = colours.text if token.learned else colours.secondary
        form = self._format(ink, struck=token.cut)
        if token.learned:
            form.setBackground(colours.tint)
            form.setFontUnderline(True)
            form.setUnderlineColor(colours.accent_text)
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
        """The boxes of the characters from start to end, one for each line, in the viewport's coordinates."""
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
            x_start, x_end = _x(line, first), _x(line, last)
            top = line.y() + (line.height() - height) / 2
            boxes.append(
                QRectF(x_start, top, x_end - x_start, height).translated(
                    origin.x() - self.horizontalScrollBar().value(), origin.y() - self.verticalScrollBar().value()
                )
            )
        return boxes

    def _show_tooltip(self, event: QHelpEvent) -> None:
        position = self.cursorForPosition(event.pos()).position()
        n = sum(start <= position for start in self._starts) - 1
        if not 0 <= n < len(self._tokens):
            return
        token = self._tokens[n]
        use = tr("cut, never seen") if token.cut else tr("learned") if token.learned else tr("read only")
        QToolTip.showText(
            event.globalPos(),
            tr("Token {n}: {value!r}, number {id}, {use}", n=n + 1, value=token.text, id=token.id, use=use),
            self,
        )


def _x(line: Any, position: int) -> float:
    x = line.cursorToX(position)
    return float(x[0] if isinstance(x, tuple) else x)
