"""Imports of what the window will soon need, before anybody waits for it."""

import importlib
from collections.abc import Iterator

_QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtTest", "QtOpenGL", "QtOpenGLWidgets")  # what pyqtgraph takes


def make_qt_classes() -> Iterator[None]:
    """Have PySide make its classes, a few milliseconds at a time, on the UI thread.

    It makes a class when it is first asked for, and pyqtgraph asks for all of them. On a thread of its own that would
    go on beside the UI thread, which makes classes as well.
    """
    for name in _QT_MODULES:
        module = importlib.import_module(f"PySide6.{name}")
        yield
        for attribute in dir(module):
            getattr(module, attribute)
            yield


def warm_up() -> None:
    """Import the charts, so that the first run's page opens at once, and what tells of a bug. On a task's thread."""
    import app.shell.crash_dialog  # noqa: F401
    from app.plots.panel import import_charts

    import_charts()
