"""Garbage collection of reference cycles, on the UI thread and nowhere else.

By itself Python collects on whatever thread happens to make an object, and deletes there what it finds. A training
thread that deletes a Qt object holds a lock of Qt's while it waits for the interpreter; the UI thread, deleting another
one at that moment, holds the interpreter and waits for the lock. Both stand still for ever.
"""

import gc
import sys

from PySide6.QtCore import QObject, QTimer

from core.device.malloc import give_back

_INTERVAL_MS = 100
# Every so many collections the middle generation is collected too; a collection of all generations takes too long
# while the window is used.
_MIDDLE_GENERATION_EVERY = 10


class GarbageCollector(QObject):
    """Takes over from Python's collector for as long as it lives. Make it on the UI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._collections = 0
        self._timer = QTimer(self, interval=_INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect young objects where enough have been made since the last time: often, and so a little at a time."""
        if gc.get_count()[0] > gc.get_threshold()[0]:
            self._collections += 1
            gc.collect(1 if self._collections % _MIDDLE_GENERATION_EVERY == 0 else 0)

    def stop(self) -> None:
        """Give collecting back to Python."""
        self._timer.stop()
        gc.enable()


def freeze_startup_objects() -> None:
    """Leave the objects that exist now out of every later collection: nearly all are modules, which stay.

    With everything imported a full collection takes half as long. Only the first call does anything: objects that are
    made later may well be deleted again.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def collect_all() -> None:
    """Collect all generations, and free MLX's cache of buffers: for a moment in which a pause does not matter."""
    gc.collect()
    clear_mlx_cache()


def clear_mlx_cache() -> None:
    """Give the buffers that MLX and the C library keep for later back to the system. On any thread."""
    clear = getattr(sys.modules.get("mlx.core"), "clear_cache", None)
    if clear is not None:
        clear()
        give_back()
