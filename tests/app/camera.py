"""A window of one size and theme whose pictures are saved in a folder."""

import time
from pathlib import Path


class Camera:
    """Keeps the window alive while it waits, and saves what it shows as FOLDER/NAME-PICTURE.png."""

    def __init__(self, app, out: Path, name: str, width: int, height: int) -> None:  # type: ignore[no-untyped-def]
        from app.shell.window import MainWindow

        self.app, self.out, self.name = app, out, name
        self.window = MainWindow()
        self.window.resize(width, height)
        self.window.show()

    def take(self, name: str) -> None:
        self.wait(0.15)
        self.window.grab().save(str(self.out / f"{self.name}-{name}.png"))

    def take_widget(self, widget, name: str) -> None:  # type: ignore[no-untyped-def]
        """Save a picture of a dialog or another widget alone."""
        widget.grab().save(str(self.out / f"{self.name}-{name}.png"))

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
