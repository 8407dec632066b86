"""Loads pyqtgraph and the charts, which takes half a second, without holding up the window."""

import importlib
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject

from app.threads.slices import do_in_slices
from app.threads.task import Task

_QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtTest", "QtOpenGL", "QtOpenGLWidgets")  # what pyqtgraph takes


def load_charts(owner: QObject, done: Callable[[], None]) -> None:
    """Load the charts, and call `done()` on the UI thread then, unless `owner` is deleted before.

    PySide makes a class when it is first asked for, and pyqtgraph asks for all of them: on another thread that crashes
    the program while the UI thread makes classes as well. So they are made first, on the UI thread.
    """
    do_in_slices(owner, make_qt_classes(), lambda: Task(owner, import_charts, lambda _: done()))


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
