"""What Hone shows while it is not in front: progress on its icon, in its title, and a sign when a run has ended."""

import shutil

from PySide6.QtCore import QObject, QProcess, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPen
from PySide6.QtWidgets import QApplication, QMainWindow

from app.desktop.language import tr
from app.runs import status_text
from app.runs.live_run import LiveRun
from app.style import icons, theme

_PARTS = 20  # the icon is drawn anew once for each of them
_SIZE = 128


class Attention(QObject):
    """Counts the runs that end while Hone is not in front, until it is again."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._part = -1
        self.ended_count = 0
        QGuiApplication.instance().applicationStateChanged.connect(self._look)  # type: ignore[union-attr]

    def show_progress(self, live: LiveRun | None) -> None:
        """Show how far the run under way is, or that there is none."""
        window, share = self._window, (live.record.fraction or 0.0) if live else 0.0
        if live is None:
            window.setWindowTitle("Hone[*]")
        else:
            window.setWindowTitle(tr("{share:.0%} · Hone", share=share) + "[*]")
        window.setWindowModified(live is not None and theme.NATIVE)  # the dot that a Mac has for what is not saved yet
        part = -1 if live is None else int(_PARTS * share)
        if part != self._part:
            self._part = part
            icon = icons.app_icon() if live is None else progress_icon(part / _PARTS)
            window.setWindowIcon(icon)
            QGuiApplication.setWindowIcon(icon)  # on a Mac the one in the Dock

    def tell_end(self, live: LiveRun) -> None:
        """A run has ended: where nobody sees it, count it, ask for attention, and say so where the desktop can."""
        if self.is_in_front():
            return
        self.ended_count += 1
        set_badge(self.ended_count)
        QApplication.alert(self._window)  # the Dock's icon jumps, the taskbar's lights up
        # Neither the reason nor a name: they may hold a path, or what nobody else should read.
        notify("Hone", tr("{method}: {state}", method=live.run.spec.title, state=status_text.headline(live.record)))

    def is_in_front(self) -> bool:
        """Whether the person sees the window, as far as the system says."""
        active = QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive
        return active and self._window.isVisible() and not self._window.isMinimized()

    def _look(self, state: Qt.ApplicationState) -> None:
        if state == Qt.ApplicationState.ApplicationActive and self.ended_count:
            self.ended_count = 0
            set_badge(0)


def progress_icon(share: float) -> QIcon:
    """Hone's icon with a bar at its bottom, filled to `share` (0 to 1)."""
    picture = icons.app_icon().pixmap(_SIZE, _SIZE)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for length, colour, width in ((1.0, "#ffffff", 22), (1.0, "#404048", 16), (share, "#2f8cff", 16)):
        if length > 0:
            painter.setPen(QPen(QColor(colour), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            bar = QRectF(picture.rect()).adjusted(18, 108, -18, 0)
            painter.drawLine(bar.topLeft(), bar.topLeft() + (bar.topRight() - bar.topLeft()) * length)
    painter.end()
    return QIcon(picture)


def set_badge(count: int) -> None:
    """Show a number on the program's icon, where the desktop has a place for it; 0 takes it away."""
    app = QGuiApplication.instance()
    if isinstance(app, QGuiApplication):
        app.setBadgeNumber(count)


def notify(heading: str, sentence: str) -> None:
    """A notification of the desktop, under Linux. A Mac's own asks for a signed program; there the icon tells."""
    program = shutil.which("notify-send")
    if program and QGuiApplication.platformName() in ("xcb", "wayland"):
        QProcess.startDetached(program, ["--app-name=Hone", "--icon=hone", heading, sentence])
