"""Call a function at most every so many milliseconds; the last call is never lost."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer


class Throttle(QObject):
    """Calling it calls `function` at once, then not again before `milliseconds` have passed.

    Of the calls in between only the last one's arguments are kept. With `settle` the function runs only
    once the calls have stopped for that long (typing in a field, dragging a slider).
    """

    def __init__(
        self, function: Callable[..., None], milliseconds: int, parent: QObject | None = None, *, settle: bool = False
    ) -> None:
        super().__init__(parent)
        self._function, self._settle = function, settle
        self._waiting: tuple[Any, ...] | None = None
        self._timer = QTimer(self, singleShot=True, interval=milliseconds)
        self._timer.timeout.connect(self._due)

    def __call__(self, *args: Any) -> None:
        if self._settle or self._timer.isActive():
            self._waiting = args
            if self._settle:
                self._timer.start()
            return
        self._timer.start()
        self._function(*args)

    def flush(self) -> None:
        """Make a waiting call now."""
        self._timer.stop()
        self._due()

    def _due(self) -> None:
        if self._waiting is None:
            return
        args, self._waiting = self._waiting, None
        if not self._settle:
            self._timer.start()
        self._function(*args)
