"""Push buttons in three weights: primary (the next thing to do), plain, and quiet."""

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QStyle, QStyleOptionButton, QWidget

from app.style import icons, theme
from app.widgets.focus_ring import carried_out_by_click, is_from_keyboard


class Button(QPushButton):
    """A push button with one of Hone's icons. `weight` is "primary", "plain" or "quiet" (no frame unless hovered).

    On a Mac the native style draws it; elsewhere paintEvent() draws it flat, in the palette's colours.
    """

    def __init__(self, text: str, icon: str = "", *, weight: str = "plain", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._icon_name, self._weight, self._draws_ring = icon, weight, False
        self.setIconSize(QSize(16, 16))
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.setFlat(weight == "quiet")
        if weight == "primary":
            self.setDefault(theme.NATIVE)
            self.setAutoDefault(True)
        else:
            self.setAutoDefault(False)
        self._update_icon()

    def set_icon(self, name: str) -> None:
        self._icon_name = name
        self._update_icon()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        with carried_out_by_click():
            super().mouseReleaseEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._draws_ring = is_from_keyboard(event.reason())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_weight"):
            self._update_icon()

    @property
    def shows_focus(self) -> bool:
        """Whether it has the keyboard and shows it."""
        return self.hasFocus() and self._draws_ring

    @property
    def is_pressed(self) -> bool:
        """Whether it is drawn as pressed."""
        return self.isDown() or self.isChecked()

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

    def _update_icon(self) -> None:
        if not self._icon_name:
            return
        colours = theme.colours(theme.palette())
        white = QColor("white")
        colour = {
            "primary": white,
            "plain": colours.text,
            "quiet": colours.accent_text if self.text() else colours.secondary,
        }
        self.setIcon(
            icons.icon(self._icon_name, colour[self._weight], theme.mix(colours.text, colours.window, 0.6), 16)
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        if theme.NATIVE:
            super().paintEvent(event)
            return
        colours = theme.colours(theme.palette())
        option = QStyleOptionButton()
        self.initStyleOption(option)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver) and self.isEnabled()
        fill, outline, ink = self._choose_colours(colours, hovered, self.is_pressed)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5)
        painter.setPen(QPen(outline, 1) if outline else Qt.PenStyle.NoPen)
        painter.setBrush(fill if fill else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box, 6, 6)
        if self.shows_focus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(theme.ring(colours))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 7, 7)
        self._draw_content(painter, ink)

    def _choose_colours(
        self, colours: theme.Colours, hovered: bool, pressed: bool
    ) -> tuple[QColor | None, QColor | None, QColor]:
        """(fill, outline, ink) of the present state; None draws nothing."""
        faded = theme.mix(colours.text, colours.window, 0.55)
        if self._weight == "primary":
            if not self.isEnabled():
                return theme.mix(colours.text, colours.window, 0.86), None, faded
            shade = QColor("black") if pressed or hovered else colours.accent
            return theme.mix(colours.accent, shade, 0.22 if pressed else 0.1), None, QColor("white")
        ink = colours.text if self.isEnabled() else faded
        if self._weight == "quiet":
            ink = colours.accent_text if self.isEnabled() else faded
            return (theme.mix(colours.text, colours.window, 0.9) if hovered or pressed else None), None, ink
        raised = theme.mix(
            colours.text, colours.base, 0.9 if pressed else 0.95 if hovered else 1.0 if not colours.dark else 0.93
        )
        return raised, theme.mix(colours.text, colours.window, 0.78), ink

    def _draw_content(self, painter: QPainter, ink: QColor) -> None:
        box = self.rect()
        icon_size = self.iconSize().width() if self._icon_name else 0
        gap = 6 if icon_size and self.text() else 0
        text = self.fontMetrics().horizontalAdvance(self.text().replace("&", ""))
        x = box.x() + (box.width() - icon_size - gap - text) / 2
        if icon_size:
            top = box.y() + (box.height() - icon_size) / 2
            painter.drawPixmap(
                round(x), round(top), icons.pixmap(self._icon_name, ink, icon_size, self.devicePixelRatioF())
            )
        painter.setPen(ink)
        painter.setFont(self.font())
        area = QRectF(x + icon_size + gap, box.y(), text + 4, box.height())
        painter.drawText(
            area,
            int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextShowMnemonic),
            self.text(),
        )


def primary_button(text: str, icon: str = "") -> Button:
    """A button for the one thing to do next on a page."""
    return Button(text, icon, weight="primary")


def plain_button(text: str, icon: str = "") -> Button:
    """A button for an ordinary choice."""
    return Button(text, icon)


def quiet_button(text: str, icon: str = "") -> Button:
    """A button without a frame, for a choice in the background."""
    return Button(text, icon, weight="quiet")
