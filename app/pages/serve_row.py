"""The row of "Use it" that serves the result to other programs on this computer, until it is stopped."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.desktop.language import tr
from app.pages.export_row import ExportRow
from app.pages.export_texts import OWN, Place
from app.runs.job_queue import JobQueue
from app.threads import crash_report, serve_thread
from app.threads.export_calls import ExportChoice
from app.threads.serve_thread import ServeThread

_PLACE = Place("chip", tr("Serve it"), "play", OWN, "")
TITLE = tr("A server on this computer")
SENTENCE = tr("Programs that know OpenAI's API ask the model at an address here. It stops when Hone closes.")
TAKEN = tr("It has stopped: something else needed the model's memory.")


AllowCode = Callable[[Callable[[], None], Callable[[], None]], None]


class ServeRow(ExportRow):
    """Starts and stops a server over the result in a folder. `allow_code(go_on, refused)` asks about code that the
    model brings."""

    def __init__(self, jobs: JobQueue, folder: Path, backend: str, refusal: str, allow_code: AllowCode) -> None:
        super().__init__(ExportChoice("serve", TITLE, SENTENCE, (), refusal), _PLACE)
        self._jobs, self._folder, self._backend, self._allow_code = jobs, folder, backend, allow_code
        self._server: ServeThread | None = None
        self._end = ""  # what is said once the thread has ended; "" for nothing
        self.started.connect(self.serve)
        self.stopped.connect(self.end)

    def serve(self) -> None:
        """Load the model and answer; the address is shown once it does."""
        self._allow_code(self._serve_allowed, lambda: None)

    def _serve_allowed(self) -> None:
        server = self._jobs.make_server(serve_thread.adapter_server(str(self._folder), backend_name=self._backend))
        if server is None:
            return
        self._server, self._end, self._notes = server, TAKEN, ""
        server.serving.connect(self._show_address)
        server.noted.connect(self._note)
        server.failed.connect(self._fail)
        server.crashed.connect(self._crash)
        server.finished.connect(self._show_end)
        self.show_running(tr("Loading the model…"))
        self.destroyed.connect(partial(self._jobs.close_chat, server))
        server.start()

    @property
    def is_serving(self) -> bool:
        """Whether a server is loaded, or being loaded."""
        return self._server is not None

    def end(self) -> None:
        """Stop serving, and free the model."""
        if self._server is not None:
            self._end = ""
            self.show_stopping()
            self._jobs.close_chat(self._server)

    def _note(self, sentence: str) -> None:
        self._notes = f"{self._notes} {sentence}".strip()

    def _show_address(self, url: str) -> None:
        self.show_serving(url, self._notes)

    def _fail(self, sentence: str) -> None:
        self._end = sentence

    def _crash(self, details: str) -> None:
        self._end = ""
        crash_report.report(details)

    def _show_end(self) -> None:
        if self._server is not None:
            self._jobs.close_chat(self._server)
        self._server = None
        if self._end:
            self.show_failure(self._end)
        else:
            self.show_possible()
