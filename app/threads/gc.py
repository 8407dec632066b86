"""Python's cyclic garbage is collected on the UI thread and nowhere else.

By itself Python collects on whatever thread happens to make an object, and deletes there what it finds. A training
thread that deletes a Qt object holds a lock of Qt's while it waits for the interpreter; the UI thread, deleting another
one at that moment, holds the interpreter and waits for the lock. Both stand still for ever.
"""

import gc
import sys

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 100
_MIDDLE = (
    10  # every so many times also what has outlived one look; all there is takes too long while the window is used
)


class Garbage(QObject):
    """Takes over from Python's collector for as long as it lives. Make it on the UI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._looks = 0
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect what is young, where enough has been made since the last time: often, and so a little at a time."""
        if gc.get_count()[0] > gc.get_threshold()[0]:
            self._looks += 1
            gc.collect(1 if self._looks % _MIDDLE == 0 else 0)

    def stop(self) -> None:
        """Give the collecting back to Python."""
        self._timer.stop()
        gc.enable()


def settle() -> None:
    """All that is there now, nearly all of it modules, stays as long as the program: never look through it again.

    With everything imported a full collection takes half as long. Once only: what is made later may well go.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def collect_all() -> None:
    """Collect everything, and give back what MLX keeps for reuse: for a moment in which a pause does not matter."""
    gc.collect()
    clear = getattr(sys.modules.get("mlx.core"), "clear_cache", None)
    if clear is not None:
        clear()
