"""Clicks and seconds from a file that is dropped to a run of it: python -m tests.app.first_run FILE

The real window under a real X server with a window manager (xvfb-run, openbox), clicked by xdotool, in a home of its
own. A click comes PAUSE seconds after the main button can be clicked, as from somebody who knows the way.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAUSE = 1.0
_LONGEST = 300.0  # seconds that anything may take
_QUICK_LOOK = (290, 158)  # in a window of 1280 × 800
_MAIN = (-107, -25)  # the middle of Next and Start, from the lower right corner
_GROUND = (-170, -25)  # of that button, beside its words


def main(file: str) -> None:
    home = tempfile.mkdtemp(prefix="hone-first-run-")
    os.environ |= {"HOME": home, "XDG_DATA_HOME": f"{home}/data", "XDG_CONFIG_HOME": f"{home}/config"}
    app = subprocess.Popen([sys.executable, "-m", "app"])
    source = subprocess.Popen([sys.executable, "-m", "tests.app.first_run", "--source", file])
    try:
        window, width, height = find_window("Hone")
        find_window("files")
        time.sleep(2 * PAUSE)
        began = time.monotonic()
        drop(window, width // 2, height // 2)
        print(f"dropped: {time.monotonic() - began:.1f} s for the hand")
        began, clicks = time.monotonic(), 0
        for button in ("Next", "Next", "Quick look", "Next", "Start"):
            if button == "Quick look":
                time.sleep(PAUSE)
                click(window, *_QUICK_LOOK)
            else:
                wait(lambda: is_blue(window, width + _GROUND[0], height + _GROUND[1]))
                time.sleep(PAUSE)
                click(window, width + _MAIN[0], height + _MAIN[1])
            clicks += 1
            time.sleep(0.3)  # until the page has changed
        print(f"started: {clicks} clicks, {time.monotonic() - began:.1f} s after the drop")
        for event in ("Step", "Finished"):
            wait(lambda event=event: event in events(home))
            print(f"{event}: {time.monotonic() - began:.1f} s after the drop")
    finally:
        app.terminate()
        source.terminate()


def find_window(title: str) -> tuple[str, int, int]:
    """(number, width, height) of the window with this title, once it is seen."""
    number = ""

    def is_seen() -> bool:
        nonlocal number
        number = xdotool("search", "--onlyvisible", "--name", f"^{title}$").partition("\n")[0]
        return bool(number)

    wait(is_seen)
    time.sleep(0.5)  # the window manager moves it into its frame
    lines = xdotool("getwindowgeometry", "--shell", number).splitlines()
    place = {name: int(value) for name, value in (line.split("=") for line in lines)}
    return number, place["WIDTH"], place["HEIGHT"]


def drop(window: str, x: int, y: int) -> None:
    """Drag the file to a place of a window, and let it go."""
    xdotool("mousemove", 40, 30, "sleep", 0.3, "mousedown", 1, "sleep", 0.3, "mousemove", 60, 40, "sleep", 1)
    for away in (300, 200, 100, 10, 0):
        xdotool("mousemove", "--window", window, x - away, y - away, "sleep", 0.15)
    xdotool("sleep", 0.3, "mouseup", 1)


def click(window: str, x: int, y: int) -> None:
    xdotool("mousemove", "--window", window, x, y, "sleep", 0.05, "click", 1)


def is_blue(window: str, x: int, y: int) -> bool:
    """Whether a window has the colour of a main button that can be clicked there."""
    words = ["import", "-window", window, "-crop", f"1x1+{x}+{y}", "-depth", "8", "rgb:-"]
    red, _, blue = subprocess.run(words, capture_output=True, check=True).stdout[:3]
    return blue - red > 100


def events(home: str) -> set[str]:
    """The kinds of events that the run has reported."""
    texts = [Path(file).read_text() for file in glob.glob(f"{home}/**/events.jsonl", recursive=True)]
    lines = [line for text in texts for line in text.splitlines(keepends=True)]
    return {json.loads(line)["event"] for line in lines if line.endswith("\n")}


def wait(is_true) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + _LONGEST
    while not is_true():
        if time.monotonic() > end:
            raise TimeoutError("waited in vain")
        time.sleep(0.05)


def xdotool(*words: object) -> str:
    return subprocess.run(["xdotool", *map(str, words)], capture_output=True, text=True).stdout


def offer(file: str) -> None:
    """A small window that a file can be dragged from."""
    from PySide6.QtCore import QMimeData, Qt, QUrl
    from PySide6.QtGui import QDrag, QMouseEvent
    from PySide6.QtWidgets import QApplication, QLabel

    class Source(QLabel):
        def mouseMoveEvent(self, event: QMouseEvent) -> None:
            drag, data = QDrag(self), QMimeData()
            data.setUrls([QUrl.fromLocalFile(file)])
            drag.setMimeData(data)
            drag.exec(Qt.DropAction.CopyAction)

    application = QApplication(["files"])
    source = Source("file")
    source.setWindowTitle("files")
    source.setWindowFlags(Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
    source.setGeometry(0, 0, 120, 60)
    source.show()
    application.exec()


if __name__ == "__main__":
    offer(sys.argv[2]) if sys.argv[1] == "--source" else main(str(Path(sys.argv[1]).absolute()))
