"""Python's cyclic garbage is collected on the UI thread and nowhere else.

By itself Python collects on whatever thread happens to make an object, and deletes there what it finds. A training
thread that deletes a Qt object holds a lock of Qt's while it waits for the interpreter; the UI thread, deleting another
one at that moment, holds the interpreter and waits for the lock. Both stand still for ever.
"""

import gc
import sys

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 400
_YOUNG = 1  # generations that are looked through while the window is used; all of them take too long


class Garbage(QObject):
    """Takes over from Python's collector for as long as it lives. Make it on the UI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect what is young, where enough has been made since the last time."""
        if gc.get_count()[0] > gc.get_threshold()[0]:
            gc.collect(_YOUNG)

    def stop(self) -> None:
        """Give the collecting back to Python."""
        self._timer.stop()
        gc.enable()


def collect_all() -> None:
    """Collect everything, and give back what MLX keeps for reuse: for a moment in which a pause does not matter."""
    gc.collect()
    clear = getattr(sys.modules.get("mlx.core"), "clear_cache", None)
    if clear is not None:
        clear()
