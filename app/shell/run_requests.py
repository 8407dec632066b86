"""What pages ask of runs: to begin, to go on, to end. Code of others is asked about first; what cannot be is told."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.shell import dialogs
from app.shell.open_runs import OpenRuns
from app.widgets.allow_code import ask_to_allow
from app.widgets.message_box import show_message
from core.errors import UserError
from core.run import Run


class RunRequests(QObject):
    """Questions and messages stand over `window`. `started` once a new run has begun, or waits."""

    started = Signal()

    def __init__(self, runs: OpenRuns, window: QWidget) -> None:
        super().__init__(window)
        self._runs, self._window = runs, window
        runs.resume.connect(self.resume)
        runs.end.connect(self.end)
        runs.inputs_changed.connect(self._ask_about_changes)

    def start(self, run: Run) -> None:
        """Begin a new run."""
        ask_to_allow(self._window, run, self._start_allowed)

    def _start_allowed(self, run: Run) -> None:
        self._runs.start(run)
        self.started.emit()

    def resume(self, folder: Path, changes: dict[str, Any] | None = None) -> None:
        """Go on with a run; `changes` are options to set anew."""
        act = partial(self._runs.resume_folder, folder, changes=changes)
        self._take_up(folder, tr("This run cannot go on."), act)

    def end(self, folder: Path) -> None:
        """End a run that pauses, and keep what it has learned."""
        self._take_up(folder, tr("This run cannot be ended."), partial(self._runs.end_folder, folder))

    def _take_up(self, folder: Path, heading: str, act: Callable[[], object]) -> None:
        """Do something with a run of before once the code that it needs is allowed; `heading` tells that it failed."""

        def act_or_tell(_: Run) -> None:
            try:
                act()
            except UserError as error:
                show_message(self._window, heading, tr(str(error)))

        try:
            ask_to_allow(self._window, Run.read(folder / "run.toml"), act_or_tell)
        except UserError as error:
            show_message(self._window, heading, tr(str(error)))

    def _ask_about_changes(self, folder: Path, inputs: tuple[str, ...], changes: dict[str, Any]) -> None:
        """A run has not gone on, as its inputs are not what they were; it does, where the person says so."""
        go_on = partial(self._runs.resume_folder, folder, accept_changes=True, changes=changes)
        dialogs.confirm_changes(self._window, folder.name, inputs, go_on)
