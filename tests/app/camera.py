"""A window of one size and theme whose pictures are saved in a folder."""

import time
from pathlib import Path

import numpy as np

_COLOURS = 256


class Camera:
    """Keeps the window alive while it waits, and saves what it shows as FOLDER/NAME-PICTURE.png."""

    is_small = False  # whether pictures have few colours, for a repository

    def __init__(self, app, out: Path, name: str, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
        from app.shell.window import MainWindow

        self.app, self.out, self.name = app, out, name
        self.window = MainWindow()
        self.window.resize(width, height)
        self.window.show()

    def take(self, name: str) -> None:
        self.wait(0.15)
        self.take_widget(self.window, name)

    def take_widget(self, widget, name: str) -> None:  # type: ignore[no-untyped-def]
        """Save a picture of a dialog or another widget alone."""
        path = self.out / "-".join(filter(None, (self.name, f"{name}.png")))
        (few_colours(widget.grab().toImage()) if self.is_small else widget.grab()).save(str(path))

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.005)

    def wait_until(self, is_true, seconds: float = 40.0) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: waited in vain")
            self.wait(0.02)

    def show_tab(self, tabs, title: str) -> None:  # type: ignore[no-untyped-def]
        """Show the tab of this title."""
        from app.desktop.language import tr

        (index,) = [i for i in range(tabs.bar.count()) if tabs.bar.tabText(i) == tr(title)]
        tabs.bar.setCurrentIndex(index)

    def scroll(self, page, share: float) -> None:  # type: ignore[no-untyped-def]
        """Scroll a page's first scrolling part so far down."""
        from app.widgets.scroll_page import ScrollPage

        bar = (page if isinstance(page, ScrollPage) else page.findChild(ScrollPage)).verticalScrollBar()
        bar.setValue(round(bar.maximum() * share))


def few_colours(image):  # type: ignore[no-untyped-def]
    """An image in its most frequent colours, each of the others as the nearest of them: a third of the bytes."""
    from PySide6.QtGui import QImage

    image = image.convertToFormat(QImage.Format.Format_RGB32)
    width, height = image.width(), image.height()
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(height, width) | 0xFF000000
    colours, places, counts = np.unique(pixels, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kept = colours[order[:_COLOURS]]
    parts = [np.stack([c >> shift & 255 for shift in (0, 8, 16)], 1).astype(np.int64) for c in (colours, kept)]
    nearest = np.concatenate(
        [((some[:, None] - parts[1][None]) ** 2).sum(2).argmin(1) for some in np.array_split(parts[0], 32)]
    ).astype(np.uint8)
    rows = np.ascontiguousarray(nearest[places.reshape(height, width)])
    result = QImage(rows.data, width, height, width, QImage.Format.Format_Indexed8)
    result.setColorTable([int(colour) for colour in kept])
    return result.copy()
