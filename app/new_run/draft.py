"""The run being put together: one value that every step of New run reads and changes. Saves itself."""

import copy
import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from PySide6.QtCore import QObject, Signal

from app.desktop import preferences
from app.threads.throttle import Throttle
from core.data.check.exclude import finding_codes
from core.errors import BadOption
from core.options import build, check, describe
from core.run import Run

_SAVE_MS = 500


def draft_file() -> Path:
    """Where the draft lies between two starts."""
    return preferences.folder() / "draft.toml"


class Draft(QObject):
    """Holds a Run. `changed(key)` follows every change, with the key as in run.toml, "" for all of it."""

    changed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = draft_file()
        self.run = restored()
        self._own: dict[str, Any] = {}  # each method's options, so that going to another and back loses nothing
        self._save = Throttle(self._write, _SAVE_MS, self, settle=True)
        self.changed.connect(lambda _: self._save())

    def set(self, key: str, value: Any) -> None:
        """Change one option. Raises BadOption, and changes nothing, when the value cannot be.

        That it contradicts another option is told by problem(): one may be on the way to the other.
        """
        if key == "method":
            self._change_method(value)
            return
        changed = replaced(self.run, key, value)
        if key == "data.path" and value != self.run.data.path:
            changed = replaced(
                changed, "data.exclude", finding_codes(changed.data.exclude)
            )  # other files have other rows
        if changed != self.run:
            self.run = changed
            self.changed.emit(key)

    def take(self, run: Run) -> None:
        """Put a whole run in the place of the draft."""
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
        """Write a change that is still waiting."""
        self._save.flush()

    def _change_method(self, method: str) -> None:
        if method == self.run.method:
            return
        self._own[self.run.method] = self.run.options
        run = self.run.replace("method", method)
        for key, value in _plain(self._own.get(method)).items():
            run = replaced(run, f"options.{key}", value)
        self.run = run
        self.changed.emit("method")

    def _write(self) -> None:
        path = self._file
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(tomli_w.dumps(self.run.to_dict()), encoding="utf-8")
        fresh.replace(path)


def replaced(run: Run, key: str, value: Any) -> Run:
    """The run with one option changed, checked by itself and not against the method's other options."""
    head, _, name = key.partition(".")
    if head != "options":
        return run.replace(key, value)
    found = {o.name: o for o in describe(type(run.options))}
    if name not in found:
        raise BadOption(f"There is no option {key!r}.")
    group = copy.copy(run.options)  # its own check compares several options, and runs only when it is built anew
    object.__setattr__(group, name, check(found[name], value))
    return dataclasses.replace(run, options=group)


def restored() -> Run:
    """The draft of last time, or a fresh one when there is none or it does not read any more."""
    try:
        values = tomllib.loads(draft_file().read_text(encoding="utf-8"))
        own = values.pop("options", {})
        run: Run = build(Run, values)  # without Run.check: a draft may contradict itself for a while
        for key, value in own.items():
            run = replaced(run, f"options.{key}", value)
    except (OSError, ValueError, BadOption):
        return Run()
    return run


def value(run: Run, key: str) -> Any:
    """One option's value, by its key in run.toml."""
    head, _, rest = key.partition(".")
    return getattr(getattr(run, head), rest) if rest else getattr(run, head)


def _plain(group: Any) -> dict[str, Any]:
    return dict(vars(group)) if group is not None else {}
