"""Loads pyqtgraph and the charts, which takes half a second, without holding up the window."""

import importlib
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject

from app.threads.slices import do_in_slices
from app.threads.task import Task

_QT_MODULES = ("QtCore", "QtGui", "QtWidgets", "QtSvg", "QtTest", "QtOpenGL", "QtOpenGLWidgets")  # what pyqtgraph takes
# What these import that knows nothing of Qt: a third of the work.
_OTHERS = (
    "numpy.typing",
    "cProfile",
    "decimal",
    "importlib.resources",
    "multiprocessing.connection",
    "pydoc",
    "xml.etree.ElementTree",
    "core.methods",
)
_PARTS = (
    "pyqtgraph",
    "app.plots.axes",
    "app.plots.chart",
    "app.plots.curves",
    "app.plots.line_chart",
    "app.plots.loss_chart",
    "app.plots.comparison_chart",
)


def load_charts(owner: QObject, done: Callable[[], None]) -> None:
    """Load the charts, and call `done()` on the UI thread then, unless `owner` is deleted before.

    PySide makes a class of Qt's when it is first asked for, and pyqtgraph asks for all of them and derives its own: on
    another thread that crashes the program while the UI thread makes classes as well. So only what knows nothing of Qt
    is imported on another thread.
    """
    Task(owner, _import_others, lambda _: do_in_slices(owner, import_charts(), done))


def _import_others() -> None:
    for name in _OTHERS:
        import_from_package(name)


def import_from_package(name: str) -> None:
    """Import a module once the packages that it lies in are whole. For the parent of a module that is asked for Python
    does not wait while another thread imports it, and the two of them then get in each other's way: both fail."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        importlib.import_module(".".join(parts[:count]))


def import_charts() -> Iterator[None]:
    """Import pyqtgraph and the charts, a part at a time. On the UI thread."""
    yield from make_qt_classes()
    for name in _PARTS:
        importlib.import_module(name)
        yield


def make_qt_classes() -> Iterator[None]:
    """Have PySide make the classes that pyqtgraph asks for, a few at a time."""
    for name in _QT_MODULES:
        module = importlib.import_module(f"PySide6.{name}")
        yield
        for attribute in dir(module):
            getattr(module, attribute)
            yield
