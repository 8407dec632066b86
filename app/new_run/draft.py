"""The run being put together: one value that every step of New run reads and changes. Saves itself."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.desktop import preferences
from app.desktop.log_files import log
from app.new_run import draft_lock
from app.new_run.draft_files import NamedDrafts, read_draft, replace_option, write_draft
from app.threads.throttle import Throttle
from core.errors import BadOption, UserError
from core.run import Run

_SAVE_MS = 500


def draft_file() -> Path:
    """The file that keeps the draft from one start of the window to the next; a second window has its own beside it."""
    return preferences.data_folder() / "draft.toml"


@dataclass(frozen=True)
class Origin:
    """The run that a draft is to run again with a change: its name for people, and its settings."""

    name: str
    run: Run


class Draft(QObject):
    """Holds a Run. `changed(key)` follows every change, with the option's key as in run.toml, or "" for all options.

    It may have a name; then it is kept under that name too, beside others. No two windows have the same draft.
    """

    changed = Signal(str)
    name_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file, self._window = draft_lock.take_first_free(draft_file())
        self.named = NamedDrafts(preferences.data_folder() / "drafts")
        self.name = ""
        run = read_draft(self._file)
        with suppress(UserError):  # a draft that is gone, or open in another window
            name = preferences.draft_name(self._window)
            if name:
                run, self.name = self.named.open(name), name
        self.run = run or Run()
        self.origin: Origin | None = None  # where its settings come from, until another run is begun
        self._method_options: dict[str, Any] = {}  # of methods chosen before: going to another and back loses nothing
        self._save = Throttle(self._write, _SAVE_MS, self, debounce=True)
        self.changed.connect(lambda _: self._save())

    def set(self, key: str, value: Any) -> None:
        """Change one option. Raises BadOption, and changes nothing, when the option does not take the value.

        A value that contradicts another option is accepted, and problem() says so: the person may be about to change
        the other option too.
        """
        if key == "method":
            self._change_method(value)
            return
        run = replace_option(self.run, key, value)
        if key == "data.path" and value != self.run.data.path:
            # What is left out of one file, what its columns are and its placeholders say nothing of another.
            for name in ("data.exclude", "data.columns", "data.fill_in"):
                run = replace_option(run, name, ())
        if run != self.run:
            self.run = run
            self.changed.emit(key)

    def take(self, run: Run, origin: str = "") -> None:
        """Replace the whole draft by this run, without a name: a draft that has one stays as it is under it.

        `origin` names the run where it is to be run again with a change.
        """
        self._replace(run, "", Origin(origin, run) if origin else None)

    def open(self, name: str) -> None:
        """Go on with the draft of this name. Raises BadData where it cannot be read any more, BadOption where another
        window has it open."""
        self.save()
        self._replace(self.named.open(name), name)

    def save_as(self, name: str) -> None:
        """Keep the draft under a name, from now on. Raises BadOption for a name that cannot be, Unavailable."""
        name = self.named.check_name(name)
        self.save()
        self.named.take(name)
        self.named.write(name, self.run)
        self._set_name(name)
        self._write()

    def rename(self, name: str) -> None:
        """Give the draft another name. Raises BadOption for a name that cannot be, Unavailable."""
        name = self.named.check_name(name, self.name)
        self.save()
        self.named.take(name)
        self.named.rename(self.name, name)
        self._set_name(name)

    def delete(self) -> None:
        """Forget the draft's name and what is kept under it; what it says stays. Raises Unavailable."""
        self.save()
        self.named.delete(self.name)
        self._set_name("")

    def undo_changes(self) -> None:
        """Put back the settings of the run that the draft comes from."""
        if self.origin is not None:
            self._replace(self.origin.run, self.name, self.origin)

    def forget_origin(self) -> None:
        """No longer mark what differs from the run that the draft comes from."""
        self._replace(self.run, self.name)

    def _replace(self, run: Run, name: str, origin: Origin | None = None) -> None:
        self.save()
        self._set_name(name)
        self.run = run
        self.origin = origin
        self.changed.emit("")

    def _set_name(self, name: str) -> None:
        if self.name and self.name != name:
            self.named.close(self.name)
        self.name = name
        preferences.set_draft_name(name, self._window)
        self.name_changed.emit()

    def problem(self) -> str:
        """One sentence when two options contradict each other, or "", to be said with use_labels()."""
        try:
            Run.from_dict(self.run.to_dict())
        except BadOption as error:
            return str(error)
        return ""

    def save(self) -> None:
        """Write a change that is not on disk yet."""
        self._save.flush()

    def _change_method(self, method: str) -> None:
        if method == self.run.method:
            return
        self._method_options[self.run.method] = self.run.options
        run = self.run.replace("method", method)
        options = self._method_options.get(method)
        for name, value in (vars(options) if options is not None else {}).items():
            run = replace_option(run, f"options.{name}", value)
        self.run = run
        self.changed.emit("method")

    def _write(self) -> None:
        try:
            write_draft(self._file, self.run)
            if self.name:
                self.named.write(self.name, self.run)
        except (OSError, UserError) as error:  # a full disk, or another's folder: the window works without
            log.warning("The settings of the new run are not kept: %s", error)
