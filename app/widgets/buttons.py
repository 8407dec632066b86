"""Push buttons in three weights: the one thing to do next, an ordinary choice, a quiet one."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QStyle, QStyleOptionButton, QWidget

from app.style import icons, theme

BY_KEY = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


class Button(QPushButton):
    """A push button with an icon of ours. `weight` is "primary", "plain" or "quiet" (no frame until it is needed).

    On a Mac the native style draws it; elsewhere it is drawn flat here, in the palette's colours.
    """

    def __init__(self, text: str, icon: str = "", *, weight: str = "plain", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._icon_name, self._weight, self._ring = icon, weight, False
        self.setIconSize(QSize(16, 16))
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFlat(weight == "quiet")
        if weight == "primary":
            self.setDefault(theme.NATIVE)
            self.setAutoDefault(True)
        else:
            self.setAutoDefault(False)
        self._tint()

    def set_icon(self, name: str) -> None:
        self._icon_name = name
        self._tint()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # A ring helps those who came with the keyboard; after a click it is noise.
        self._ring = event.reason() in BY_KEY

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_weight"):
            self._tint()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        if theme.NATIVE:
            return hint
        text = self.fontMetrics().horizontalAdvance(self.text())
        icon = self.iconSize().width() + 6 if self._icon_name else 0
        pad = 10 if not self.text() else 28 if self._weight != "quiet" else 18
        return QSize(text + (icon if self.text() else icon - 6) + pad, 30)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _tint(self) -> None:
        if not self._icon_name:
            return
        c = theme.colours(theme.palette())
        white = QColor("white")
        colour = {"primary": white, "plain": c.text, "quiet": c.accent_text if self.text() else c.secondary}
        self.setIcon(icons.icon(self._icon_name, colour[self._weight], theme.mix(c.text, c.window, 0.6), 16))

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        c = theme.colours(theme.palette())
        option = QStyleOptionButton()
        self.initStyleOption(option)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver) and self.isEnabled()
        down = self.isDown() or self.isChecked()
        ground, line, ink = self._colours(c, over, down)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        painter.setPen(QPen(line, 1) if line else Qt.PenStyle.NoPen)
        painter.setBrush(ground if ground else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 6, 6)
        if self.hasFocus() and self._ring:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(c.accent_text, 1.6))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 7, 7)
        self._draw_content(painter, ink)

    def _colours(self, c: theme.Colours, over: bool, down: bool) -> tuple[QColor | None, QColor | None, QColor]:
        faded = theme.mix(c.text, c.window, 0.55)
        if self._weight == "primary":
            if not self.isEnabled():
                return theme.mix(c.text, c.window, 0.86), None, faded
            shade = QColor("black") if down or over else c.accent
            return theme.mix(c.accent, shade, 0.22 if down else 0.1), None, QColor("white")
        ink = c.text if self.isEnabled() else faded
        if self._weight == "quiet":
            ink = c.accent_text if self.isEnabled() else faded
            return (theme.mix(c.text, c.window, 0.9) if over or down else None), None, ink
        raised = theme.mix(c.text, c.base, 0.9 if down else 0.95 if over else 1.0 if not c.dark else 0.93)
        return raised, theme.mix(c.text, c.window, 0.78), ink

    def _draw_content(self, painter: QPainter, ink: QColor) -> None:
        box = self.rect()
        side = self.iconSize().width() if self._icon_name else 0
        gap = 6 if side and self.text() else 0
        text = self.fontMetrics().horizontalAdvance(self.text().replace("&", ""))
        left = box.x() + (box.width() - side - gap - text) / 2
        if side:
            top = box.y() + (box.height() - side) / 2
            painter.drawPixmap(
                round(left), round(top), icons.pixmap(self._icon_name, ink, side, self.devicePixelRatioF())
            )
        painter.setPen(ink)
        painter.setFont(self.font())
        area = QRectF(left + side + gap, box.y(), text + 4, box.height())
        painter.drawText(
            area,
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextShowMnemonic),
            self.text(),
        )


def primary(text: str, icon: str = "") -> Button:
    """The one thing to do next on a page."""
    return Button(text, icon, weight="primary")


def plain(text: str, icon: str = "") -> Button:
    """An ordinary choice."""
    return Button(text, icon)


def quiet(text: str, icon: str = "") -> Button:
    """A choice that stays in the background."""
    return Button(text, icon, weight="quiet")
