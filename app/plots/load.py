"""Loads pyqtgraph and the charts, which takes half a second, without holding up the window."""

import importlib
import time
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer

from app.threads.task import Task

_QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtTest", "QtOpenGL", "QtOpenGLWidgets")  # what pyqtgraph takes
_SLICE_SECONDS = 0.004  # of making Qt's classes, until what else there is to do has its turn


def load_charts(owner: QObject, done: Callable[[], None]) -> None:
    """Load the charts, and call `done()` on the UI thread then, unless `owner` is deleted before.

    PySide makes a class when it is first asked for, and pyqtgraph asks for all of them: on another thread that crashes
    the program while the UI thread makes classes as well. So they are made first, on the UI thread.
    """
    slices, timer = make_qt_classes(), QTimer(owner)

    def go_on() -> None:
        end = time.perf_counter() + _SLICE_SECONDS
        for _ in slices:
            if time.perf_counter() > end:
                return
        timer.stop()
        timer.deleteLater()
        Task(owner, import_charts, lambda _: done())

    timer.timeout.connect(go_on)
    timer.start(0)


def make_qt_classes() -> Iterator[None]:
    """Have PySide make the classes that pyqtgraph asks for, a few at a time."""
    for name in _QT_MODULES:
        module = importlib.import_module(f"PySide6.{name}")
        yield
        for attribute in dir(module):
            getattr(module, attribute)
            yield


def import_charts() -> None:
    """Import pyqtgraph and the charts. On a task's thread, once Qt's classes are made."""
    import app.plots.curves
    import app.plots.line_chart
    import app.plots.loss_chart  # noqa: F401
