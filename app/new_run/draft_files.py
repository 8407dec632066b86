"""Drafts of runs on disk: the one that is open, and those that were saved under a name. No Qt."""

import copy
import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import tomli_w

from app.desktop.language import tr
from app.new_run import draft_lock
from core.errors import BadData, BadOption
from core.files.file_errors import explain
from core.option_values import build, check
from core.options import describe
from core.run import Run

LONGEST_NAME = 60


class NamedDrafts:
    """The drafts in a folder, a file each; a file's name is the draft's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The names of all drafts, in the order of the alphabet."""
        return sorted((unquote(path.stem) for path in self._folder.glob("*.toml")), key=str.casefold)

    def check_name(self, name: str, present: str = "") -> str:
        """A name without spaces around it. Raises BadOption for one that is empty, too long or taken by another."""
        name = " ".join(name.split())
        if not name:
            raise BadOption(tr("A draft needs a name."))
        if len(name) > LONGEST_NAME:
            raise BadOption(tr("A name has at most {count} characters.", count=LONGEST_NAME))
        others = {other.casefold() for other in self.names()} - {present.casefold()}
        if name.casefold() in others:
            raise BadOption(tr("There is a draft “{name}” already.", name=name))
        return name

    def read(self, name: str) -> Run:
        """A draft. Raises BadData where its file is gone or broken."""
        run = read_draft(self._path(name))
        if run is None:
            raise BadData(tr("The draft “{name}” cannot be read any more.", name=name))
        return run

    def take(self, name: str) -> None:
        """Keep other windows from opening a draft, until close(). Raises BadOption where one has it open."""
        if not draft_lock.take(self._path(name)):
            raise BadOption(tr("The draft “{name}” is open in another window.", name=name))

    def open(self, name: str) -> Run:
        """Take a draft, and read it. Raises BadOption as take() does, and BadData as read() does."""
        self.take(name)
        try:
            return self.read(name)
        except BadData:
            self.close(name)
            raise

    def close(self, name: str) -> None:
        """Let other windows open a draft."""
        draft_lock.release(self._path(name))

    def write(self, name: str, run: Run) -> None:
        """Keep a run as the draft of this name. Raises Unavailable where it cannot be written."""
        with explain(self._path(name)):
            write_draft(self._path(name), run)

    def rename(self, name: str, new_name: str) -> None:
        """Give a draft another name. Raises Unavailable where its file cannot be moved."""
        with explain(self._path(name)):
            self._path(name).rename(self._path(new_name))

    def delete(self, name: str) -> None:
        """Remove a draft. Raises Unavailable where its file cannot be removed."""
        with explain(self._path(name)):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{quote(name, safe=' ')}.toml"


def write_draft(path: Path, run: Run) -> None:
    """Write a run that need not be complete. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.new")  # another window may be writing its own
    temporary.write_text(tomli_w.dumps(run.to_dict()), encoding="utf-8")
    temporary.replace(path)


def read_draft(path: Path) -> Run | None:
    """What write_draft() wrote; None where there is nothing, or nothing that can be read any more."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        options = values.pop("options", {})
        run: Run = build(Run, values)  # without Run.check: options of a draft may contradict each other for a while
        for name, value in options.items():
            run = replace_option(run, f"options.{name}", value)
    except (OSError, ValueError, BadOption):
        return None
    return run


def replace_option(run: Run, key: str, value: Any) -> Run:
    """The run with one option changed. The value is checked by itself, not against the method's other options.

    Raises BadOption for a key that is no option of the run, and for a value that the option does not take.
    """
    section, _, name = key.partition(".")
    if section != "options":
        return run.replace(key, value)
    options = {o.name: o for o in describe(type(run.options))}
    if name not in options:
        raise BadOption(tr("There is no option {key!r}.", key=key))
    group = copy.copy(run.options)  # a copy is not checked; building it anew would compare options with each other
    object.__setattr__(group, name, check(options[name], value))
    return dataclasses.replace(run, options=group)
