"""Use it: every place where a result can go, as a list; one of them is made at a time, in the background."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog

from app.desktop import preferences
from app.desktop.language import tr
from app.pages.export_row import ExportRow, align_buttons
from app.pages.export_texts import FILE, FOLDER, HUB, OLLAMA, PLACES
from app.pages.hub_sheet import HubSheet
from app.pages.ollama_sheet import OllamaSheet
from app.pages.serve_row import ServeRow
from app.runs.job_queue import JobQueue
from app.threads import export_calls
from app.threads.export_calls import Command, ExportJob, ExportSource
from app.threads.task import Task
from app.widgets.allow_code import ask_to_allow
from app.widgets.card import Card, vbox
from app.widgets.labels import Label, caption, heading
from core.events import Event, Phase, Saved, Warned
from core.quant.modes import UNPACKED
from core.run import Run

BUSY = tr("A run is training. Use its result when it is done.")
ONE_AT_A_TIME = tr("Another result is being written. One goes after the other.")
NO_OLLAMA = tr("Ollama is not on this computer. There, this command makes the model:")
NOT_ALLOWED = tr("The model's own code has not been allowed to run.")


class ExportList(Card):
    """The places for the result in a folder. `listed` once they are known, `row_grew(row)` when a row has more to
    show."""

    listed = Signal()
    row_grew = Signal(object)

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._folder, self._backend, self._base = Path(), "auto", ""
        self.rows: dict[str, ExportRow] = {}
        self.server: ServeRow | None = None
        self._task: Task | None = None
        self._running = ""  # the target that is being written
        self._events: list[Event | Command] = []
        self._layout = vbox(self, 14, 0)
        self._layout.addWidget(heading(tr("Use it")))
        self._layout.addSpacing(4)
        self.intro = caption(tr("Finding out where it can go…"))
        self._layout.addWidget(self.intro)
        self.reason = Label("", "caption", tone="warn")
        self._layout.addWidget(self.reason)
        self._layout.addSpacing(8)
        jobs.current_changed.connect(self._update_buttons)
        jobs.export_changed.connect(self._update_buttons)
        self._update_buttons()

    def use(self, folder: Path, backend: str = "auto") -> None:
        """List the places for the result in this folder: a run's, or any adapter's."""
        if folder == self._folder:
            return
        self._folder, self._backend = folder, backend
        work = partial(export_calls.inspect_source, folder)
        Task(self, work, partial(self._list, folder), partial(self._show_unusable, folder))

    def _list(self, folder: Path, source: ExportSource) -> None:
        if folder != self._folder:
            return
        for row in self.rows.values():
            row.deleteLater()
        self.rows, self._base = {}, source.base
        self.intro.setText(
            tr("Take it to other programs. Whole models and GGUF files are checked once they are written.")
        )
        for choice in source.choices:
            if choice.target in PLACES:
                row = ExportRow(choice, PLACES[choice.target])
                row.started.connect(partial(self.choose, choice.target))
                row.stopped.connect(self.cancel)
                self.rows[choice.target] = row
                self._layout.addWidget(row)
        self._add_server(source)
        align_buttons([*self.rows.values(), *([self.server] if self.server else [])])
        self._update_buttons()
        self.listed.emit()

    def _add_server(self, source: ExportSource) -> None:
        """The row that serves the result, refused as a whole model of it would be."""
        refusal = next((choice.refusal for choice in source.choices if choice.target == "model"), "")
        if self.server is not None:
            self.server.deleteLater()
        self.server = ServeRow(self._jobs, self._folder, self._backend, refusal, self._allow_code)
        self._layout.addWidget(self.server)

    def _allow_code(self, go_on: Callable[[], None], refused: Callable[[], None]) -> None:
        """Ask about code that the model brings, where that is not allowed yet. A reward file does not run here."""
        if self._base:
            ask_to_allow(self, Run().replace("model.path", self._base), lambda _: go_on(), refused)
        else:
            go_on()

    def _show_unusable(self, folder: Path, sentence: str) -> None:
        if folder == self._folder:
            self.intro.setText(sentence)

    def choose(self, target: str) -> None:
        """Ask what a target needs to know, and write it."""
        row, place = self.rows[target], PLACES[target]
        form = row.chosen_form.replace(UNPACKED, "model")
        start = str(Path(preferences.last_folder()) / place.name.format(name=self._folder.name, form=form))
        job = ExportJob(self._folder, target, "", row.chosen_form, self._backend)
        if place.asks == OLLAMA:
            sheet = OllamaSheet(self, job, row.choice.name, Path(start))
            sheet.confirmed.connect(self.save)
            sheet.open()
        elif place.asks == HUB:
            upload = HubSheet(self, job, row.choice.name)
            upload.confirmed.connect(self.save)
            upload.open()
        elif place.asks in (FILE, FOLDER):
            # Export refuses what is there already; the system's question would be an alert of its own.
            options = QFileDialog.Option.DontConfirmOverwrite
            title = tr("A new folder for it") if place.asks == FOLDER else tr("A new file for it")
            path, _ = QFileDialog.getSaveFileName(self, title, start, options=options)
            ending = Path(start).suffix if place.asks == FILE else ""
            if path:
                # Without its ending a name would be taken for a folder.
                path = path if path.lower().endswith(ending) else path + ending
                preferences.set_last_folder(str(Path(path).parent))
                self.save(ExportJob(self._folder, target, path, row.chosen_form, self._backend))
        else:
            self.save(job)

    def save(self, job: ExportJob) -> None:
        """Write it in the background."""
        row = self.rows[job.target]
        if reason := self._waiting_reason():
            row.show_failure(reason)
            return
        self._allow_code(partial(self._save_allowed, job), partial(row.show_failure, NOT_ALLOWED))

    def _save_allowed(self, job: ExportJob) -> None:
        row = self.rows[job.target]
        self._jobs.end_chat()
        self._events, self._running = [], job.target
        row.show_running(tr("Getting ready"))
        self._task = Task(
            self, lambda: export_calls.export(job),
            done=self._show_success, failed=self._show_failure, progress=self._show_event,
        )  # fmt: skip
        self._jobs.note_export(self._task)
        self.row_grew.emit(row)

    @property
    def is_busy(self) -> bool:
        """Whether a result is being written or served here."""
        return bool(self._running) or (self.server is not None and self.server.is_serving)

    def end(self) -> None:
        """Stop what is being written or served here."""
        self.cancel()
        if self.server is not None:
            self.server.end()

    def cancel(self) -> None:
        """Stop after the present piece; nothing is left where it was to go."""
        if self._task is not None and self._running:
            self.rows[self._running].show_stopping()
            self._task.cancel()

    def _show_event(self, event: Event | Command) -> None:
        self._events.append(event)
        if isinstance(event, Phase):
            self.rows[self._running].show_running(tr(event.name), event.fraction)

    def _show_success(self, _: object) -> None:
        target, events = self._running, self._events
        saved = next(event.path for event in reversed(events) if isinstance(event, Saved))
        warned = [event for event in events if isinstance(event, Warned) and event.code != "ollama-missing"]
        checked = " ".join(tr(event.message) for event in warned if event.code == "checked")
        notes = " ".join(tr(event.message) for event in warned if event.code != "checked")
        command = next((event.text for event in events if isinstance(event, Command)), "")
        if command:
            notes = f"{notes} {NO_OLLAMA}".strip()
        if PLACES[target].asks == HUB:
            self._end(lambda row: row.show_uploaded(saved, notes))
        else:
            self._end(lambda row: row.show_done(Path(saved), checked, notes, command))
        if PLACES[target].is_model:
            preferences.remember_model_folder(saved)

    def _show_failure(self, sentence: str) -> None:
        self._end(lambda row: row.show_failure(sentence))

    def _end(self, show: Callable[[ExportRow], None]) -> None:
        row, self._running, self._task = self.rows[self._running], "", None
        show(row)
        self.row_grew.emit(row)

    def _waiting_reason(self) -> str:
        """Why nothing can be written now, or "": a run in training has the memory, and so has another export."""
        if self._jobs.current is not None:
            return BUSY
        return ONE_AT_A_TIME if self._jobs.export is not None else ""

    def _update_buttons(self) -> None:
        if self._running and self._jobs.export is not self._task:  # it was stopped, or a bug ended it
            self._end(ExportRow.show_possible)
        reason = self._waiting_reason()
        for row in (*self.rows.values(), *([self.server] if self.server else [])):
            row.set_waiting(reason)
        is_told = bool(reason) and not self._running
        self.reason.setText(reason)
        self.reason.setVisible(is_told)
