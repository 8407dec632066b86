"""The run being put together: one value that every step of New run reads and changes. Saves itself."""

import copy
import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from PySide6.QtCore import QObject, Signal

from app.desktop import preferences
from app.desktop.log_files import log
from app.threads.throttle import Throttle
from core.errors import BadOption
from core.options import build, check, describe
from core.run import Run

_SAVE_MS = 500


def draft_file() -> Path:
    """The file that keeps the draft from one start of the window to the next."""
    return preferences.data_folder() / "draft.toml"


class Draft(QObject):
    """Holds a Run. `changed(key)` follows every change, with the option's key as in run.toml, or "" for all options."""

    changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = draft_file()
        self.run = load_draft()
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

    def take(self, run: Run) -> None:
        """Replace the whole draft by this run."""
        self.run = run
        self.changed.emit("")

    def problem(self) -> str:
        """One sentence when two options contradict each other, or ""."""
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
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._file.with_suffix(f".{os.getpid()}.new")  # another window may be writing its own
            temporary.write_text(tomli_w.dumps(self.run.to_dict()), encoding="utf-8")
            temporary.replace(self._file)
        except OSError as error:  # a full disk, or another's folder: the window works without
            log.warning("The settings of the new run are not kept: %s", error)


def replace_option(run: Run, key: str, value: Any) -> Run:
    """The run with one option changed. The value is checked by itself, not against the method's other options.

    Raises BadOption for a key that is no option of the run, and for a value that the option does not take.
    """
    section, _, name = key.partition(".")
    if section != "options":
        return run.replace(key, value)
    options = {o.name: o for o in describe(type(run.options))}
    if name not in options:
        raise BadOption(f"There is no option {key!r}.")
    group = copy.copy(run.options)  # a copy is not checked; building it anew would compare options with each other
    object.__setattr__(group, name, check(options[name], value))
    return dataclasses.replace(run, options=group)


def load_draft() -> Run:
    """The draft of last time, or a default run when there is none or it cannot be read any more."""
    try:
        values = tomllib.loads(draft_file().read_text(encoding="utf-8"))
        options = values.pop("options", {})
        run: Run = build(Run, values)  # without Run.check: options of a draft may contradict each other for a while
        for name, value in options.items():
            run = replace_option(run, f"options.{name}", value)
    except (OSError, ValueError, BadOption):
        return Run()
    return run


def option_value(run: Run, key: str) -> Any:
    """One option's value, by its key as in run.toml: "method" or "adapter.rank"."""
    section, _, name = key.partition(".")
    return getattr(getattr(run, section), name) if name else getattr(run, section)
