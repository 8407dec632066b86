"""A model served to other programs, on a thread of its own: it loads, answers until it is closed, and is freed."""

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app.desktop.language import tr
from app.threads.errors import report_errors, translated
from app.threads.gc import clear_mlx_cache


class ServeThread(QThread):
    """Serves with the core.serve.Server that `make_server` builds, from start() until close().

    When the thread ends the port and the model are free, and MLX's cache is empty.
    """

    serving = Signal(str)  # the URL at which programs are answered now
    noted = Signal(str)  # a sentence about how the model is loaded, or who can reach it
    failed = Signal(str)
    crashed = Signal(str)

    def __init__(self, make_server: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make_server = make_server
        self._closing = threading.Event()
        self.url = ""  # "" while nothing is served

    def close(self) -> None:
        """Stop serving; the thread ends soon after. Where the model is still being loaded, after that."""
        self._closing.set()

    def run(self) -> None:
        with report_errors(translated(self.failed.emit), self.crashed.emit):
            self._serve()
        clear_mlx_cache()

    def _serve(self) -> None:
        with self._make_server() as server:
            for sentence in server.notes:
                self.noted.emit(tr(sentence))
            self.url = server.url
            try:
                if not self._closing.is_set():
                    self.serving.emit(self.url)
                self._closing.wait()
            finally:
                self.url = ""


def adapter_server(source: str, **options: Any) -> Callable[[], Any]:
    """What builds the server of a run, an adapter or a model, at a free port unless told otherwise; options as
    core.serve.Server has them. MLX is imported on the thread that builds it."""

    def make() -> Any:
        from core.serve import Server

        return Server(source, **{"port": 0, **options})

    return make
