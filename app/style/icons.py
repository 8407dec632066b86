"""The icons in resources/icons, drawn in any colour."""

import functools

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from core.resources import FOLDER

_SCALES = (1.0, 2.0)


@functools.cache
def _source(name: str) -> bytes:
    return (FOLDER / "icons" / f"{name}.svg").read_bytes()


@functools.lru_cache(maxsize=512)
def _pixmap(name: str, colour: str, size: int, scale: float) -> QPixmap:
    pixels = round(size * scale)
    image = QImage(QSize(pixels, pixels), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    source = _source(name).replace(b"currentColor", colour.encode())
    QSvgRenderer(QByteArray(source)).render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    image.setDevicePixelRatio(scale)
    return QPixmap.fromImage(image)


def pixmap(name: str, colour: QColor, size: int = 18, scale: float = 1.0) -> QPixmap:
    """An icon as a picture of `size` × `size`, for a screen with `scale` device pixels to each."""
    return _pixmap(name, colour.name(), size, scale)


def icon(name: str, colour: QColor, disabled: QColor | None = None, size: int = 18) -> QIcon:
    """An icon for a button, sharp on every screen."""
    button_icon = QIcon()
    for scale in _SCALES:
        button_icon.addPixmap(_pixmap(name, colour.name(), size, scale))
        if disabled is not None:
            button_icon.addPixmap(_pixmap(name, disabled.name(), size, scale), QIcon.Mode.Disabled)
    return button_icon


def app_icon() -> QIcon:
    """Hone's own icon in the sizes that a desktop uses."""
    app_icon_ = QIcon()
    for size in (16, 32, 64, 128, 256):
        app_icon_.addPixmap(_pixmap("hone", "#000000", size, 1.0))
    return app_icon_
