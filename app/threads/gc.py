"""Garbage collection of reference cycles, on the UI thread and nowhere else.

By itself Python collects on whatever thread happens to make an object, and deletes there what it finds. A training
thread that deletes a Qt object holds a lock of Qt's while it waits for the interpreter; the UI thread, deleting another
one at that moment, holds the interpreter and waits for the lock. Both stand still for ever.
"""

import gc
import sys

from PySide6.QtCore import QObject, QTimer

from core.device.malloc import give_back

_INTERVAL_MS = 50
# The middle generation is collected too after so many collections, or so many objects, as when modules are imported:
# with all of these at once a collection takes several times as long as a frame. A collection of all generations takes
# too long while the window is used.
_MIDDLE_GENERATION_EVERY = 20
_MOST_OBJECTS = 15_000


class GarbageCollector(QObject):
    """Takes over from Python's collector for as long as it lives. Make it on the UI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._collections = self._objects = 0  # since the middle generation was collected
        self._timer = QTimer(self, interval=_INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect young objects where enough have been made since the last time: often, and so a little at a time."""
        young = gc.get_count()[0]
        if young <= gc.get_threshold()[0]:
            return
        self._collections, self._objects = self._collections + 1, self._objects + young
        takes_middle = self._collections >= _MIDDLE_GENERATION_EVERY or self._objects > _MOST_OBJECTS
        gc.collect(1 if takes_middle else 0)
        if takes_middle:
            self._collections = self._objects = 0

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
