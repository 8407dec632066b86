"""The box of every input: that of a plain button, with the ring of the focus or the outline of a wrong value."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.style import icons, theme

HEIGHT = 30  # of a button too
RADIUS = 6
_ICON = 10


def paint_box(widget: QWidget, painter: QPainter, *, wrong: bool = False, focus: bool = False) -> None:
    """Paint the ground and the outline of an input that fills `widget`."""
    c = theme.colours(theme.palette())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPen(theme.mix(c.text, c.window, 0.5), 1)  # 3:1 on the ground, as an input has no other mark
    if wrong:
        outline = QPen(c.bad, 1.6)
    elif focus:
        outline = theme.ring(c)
    fill = c.base if not c.dark else theme.mix(c.text, c.base, 0.97)
    if not widget.isEnabled():
        fill, outline = c.window, QPen(c.separator, 1)
    painter.setPen(outline)
    painter.setBrush(fill)
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(1.5, 1.5, -1.5, -1.5), RADIUS, RADIUS)


def paint_icon(widget: QWidget, painter: QPainter, name: str, x: float, y: float, turned: bool = False) -> None:
    """Paint a small icon around (x, y), upside down where it is `turned`."""
    c = theme.colours(theme.palette())
    ink = c.secondary if widget.isEnabled() else theme.mix(c.text, c.window, 0.55)
    painter.save()
    painter.translate(x, y)
    painter.rotate(180 if turned else 0)
    painter.drawPixmap(-_ICON // 2, -_ICON // 2, icons.pixmap(name, ink, _ICON, widget.devicePixelRatioF()))
    painter.restore()
