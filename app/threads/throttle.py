"""Throttling and debouncing of function calls; the last call is never lost."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer


class Throttle(QObject):
    """Calls `function` at once, and then again only after `milliseconds` have passed.

    Of the calls in between only the arguments of the last one are kept. With `debounce` the function runs only once
    the calls have stopped for that long (typing in a field, dragging a slider). Without `at_once` the first call too
    is made only then.
    """

    def __init__(
        self,
        function: Callable[..., None],
        milliseconds: int,
        parent: QObject | None = None,
        *,
        debounce: bool = False,
        at_once: bool = True,
    ) -> None:
        super().__init__(parent)
        self._function, self._debounce, self._at_once = function, debounce, at_once
        self._pending_args: tuple[Any, ...] | None = None
        self._timer = QTimer(self, singleShot=True, interval=milliseconds)
        self._timer.timeout.connect(self._call_pending)

    def __call__(self, *args: Any) -> None:
        is_waiting = self._timer.isActive()
        if self._debounce or is_waiting or not self._at_once:
            self._pending_args = args
            if self._debounce or not is_waiting:
                self._timer.start()
            return
        self._timer.start()
        self._function(*args)

    def flush(self) -> None:
        """Make the pending call now, if there is one."""
        self._timer.stop()
        self._call_pending()

    def _call_pending(self) -> None:
        if self._pending_args is None:
            return
        args, self._pending_args = self._pending_args, None
        if not self._debounce:
            self._timer.start()
        self._function(*args)
