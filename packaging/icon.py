"""The app's icon: from the SVG in resources/icons to the .icns of a Mac: python packaging/icon.py OUT.icns"""

import os
import sys
import tempfile
from pathlib import Path

import icnsutil

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SVG = Path(__file__).resolve().parent.parent / "resources" / "icons" / "hone.svg"
# (points, pixels for each point), the ten pictures that a Mac asks for.
SIZES = [(points, scale) for points in (16, 32, 128, 256, 512) for scale in (1, 2)]


def draw(pixels: int) -> QImage:
    """The icon as a picture of `pixels` by `pixels`, transparent around it."""
    image = QImage(pixels, pixels, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(SVG)).render(painter)
    painter.end()
    return image


def write_icns(target: Path) -> None:
    """Draw every size and put them into one .icns."""
    _ = QGuiApplication.instance() or QGuiApplication(["icon"])
    icns = icnsutil.IcnsFile()
    with tempfile.TemporaryDirectory() as folder:
        for points, scale in SIZES:
            png = Path(folder) / f"icon_{points}x{points}{'@2x' if scale == 2 else ''}.png"
            if not draw(points * scale).save(str(png)):
                raise OSError(f"{png} cannot be written")
            icns.add_media(file=str(png))
        icns.write(str(target))


if __name__ == "__main__":
    write_icns(Path(sys.argv[1]))
