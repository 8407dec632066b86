"""One door for background work that is no run: a function or a generator on a thread of its own."""

import threading
import types
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal

from app import trouble
from app.edge import edge
from app.machine import Facts
from core.events import Event, Phase

UNSUPPORTED = "unsupported"  # as core.model.families calls it
_LOOK_UP = 0.05  # seconds after which a task that waits for the window looks whether it is still wanted
_running: set["Task"] = set()  # keeps a task alive until its thread has ended


class Task(QThread):
    """Calls `work()` on a thread and hands its result to `done` on the UI thread.

    Where `work` returns a generator, each item goes to `progress`, which it waits for, and `done` gets None.
    A UserError's sentence goes to `failed`; a bug goes to the log and to the person. After drop(), and once
    `owner` is gone, nothing is called.
    """

    _done = Signal(object)
    _failed = Signal(str)
    _crashed = Signal(str)
    _progress = Signal(object)

    def __init__(
        self,
        owner: QObject,
        work: Callable[[], Any],
        done: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__()
        self._work, self._wanted = work, True
        self._taken = threading.Event()  # the window is done with the latest item
        self._on_done, self._on_failed, self._on_progress = done, failed, progress
        # Bound methods of an object on the UI thread: Qt queues the calls to that thread.
        self._done.connect(self._hand_done)
        self._failed.connect(self._hand_failed)
        self._crashed.connect(self._hand_crashed)
        self._progress.connect(self._hand_progress)
        self.finished.connect(self._forget)
        self._tie = owner.destroyed.connect(self.drop)
        _running.add(self)
        self.start()

    def drop(self) -> None:
        """The result is not wanted any more."""
        self._wanted = False
        self.requestInterruption()

    def run(self) -> None:
        with edge(self._failed.emit, self._crashed.emit):
            result = self._work()
            if isinstance(result, types.GeneratorType):
                for item in result:
                    if self.isInterruptionRequested():
                        result.close()
                        return
                    self._taken.clear()
                    self._progress.emit(item)
                    # Work that went on meanwhile would take the interpreter from the window at each of the
                    # thousands of calls into Qt that a picture needs: it would stand still for seconds.
                    while not self._taken.wait(_LOOK_UP) and not self.isInterruptionRequested():
                        pass
                result = None
            self._done.emit(result)

    def _hand_done(self, result: Any) -> None:
        if self._wanted and self._on_done:
            self._on_done(result)

    def _hand_failed(self, sentence: str) -> None:
        if self._wanted and self._on_failed:
            self._on_failed(sentence)

    def _hand_progress(self, item: Any) -> None:
        try:
            if self._wanted and self._on_progress:
                self._on_progress(item)
        finally:
            self._taken.set()

    def _hand_crashed(self, details: str) -> None:
        trouble.report(details)

    def _forget(self) -> None:
        """Over: let go of the owner, so that neither keeps the other, nor is called while it goes."""
        _running.discard(self)
        self._on_done = self._on_failed = self._on_progress = None
        if self._tie:
            QObject.disconnect(self._tie)


def end_all(milliseconds: int = 5000) -> bool:
    """Let go of every task and wait for its thread, at most so long for each; whether all have ended."""
    for task in list(_running):
        task.drop()
    return all([task.wait(milliseconds) for task in list(_running)])


# What background work asks of those parts of the core that bring in MLX or the Hub's client. Each of
# these belongs on a task's thread.


def warm_up() -> None:
    """Import what reads data and what shows a run, so that the first file and the first run's page open at once."""
    import app.pages.run  # noqa: F401
    import core.data.page
    import core.data.scan  # noqa: F401

    import_charts()


def import_charts() -> None:
    """Import what draws charts, which takes half a second."""
    import app.plots.curves
    import app.plots.line
    import app.plots.loss  # noqa: F401


def machine_facts() -> Facts:
    """What this computer is, and which device would train."""
    from core import backend

    return Facts(backend.machine(), backend.report("auto"))


def backend_report(requested: str) -> dict[str, str]:
    """{requested, used, device, reason} for a run's backend option."""
    from core import backend

    return backend.report(requested)


def fetch_data(path: str) -> Generator[Phase, None, str]:
    """A dataset's place on this computer, brought from the Hub where it is an id. Raises BadData or Unavailable."""
    from core.model import hub

    return (yield from hub.fetch_data(path))


def find_model(path: str, revision: str | None) -> Path | None:
    """The model's folder on this computer, or None when it would be downloaded. Raises BadModel."""
    from core.model import hub

    return hub.locate(path, revision)


def missing_files(folder: Path) -> list[str]:
    """What a model folder lacks. Raises BadModel."""
    from core.model import hub

    return hub.missing_files(folder)


def family_support(architecture: str) -> tuple[str, str]:
    """(UNSUPPORTED or another word, a sentence for people) for a model_type of config.json."""
    from core.model import families

    return families.support(architecture)


def memory_estimate(run: Any, folder: Path, device: str, tokens: int, usable: int) -> tuple[str, str] | None:
    """("5 to 7 GB", what to try where that is more than `usable` bytes), or None where it cannot be told.

    As the run will take it: its batches go through the model as core.model.fit plans.
    """
    import json

    from core.errors import BadModel
    from core.model import fit, memory

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        teacher = _beside(run) if run.spec.divergence else None
        about = partial(memory.estimate, config, device=device, tokens=tokens, folder=folder, teacher=teacher)
        _, found, advice = fit.told(run, tokens, device, usable, about)
    except (OSError, ValueError, KeyError, TypeError, BadModel):
        return None  # a config of an unusual build: nothing is said rather than something wrong
    return None if found is None else (found.words, advice)


def _beside(run: Any) -> Path | None:
    from core.other import beside

    return beside(run)


def save_model(
    folder: Path, goal: Path, quantization: str, backend: str, allow_code: bool
) -> Generator[Event, None, None]:
    """A run's base and adapter as one model in a new folder. Raises UserError."""
    from core.export import fuse

    yield from fuse(folder, goal, quantization=quantization, backend_name=backend, allow_code=allow_code)


def save_for_peft(folder: Path, goal: Path) -> Generator[Event, None, None]:
    """A run's adapter in PEFT's format, in a new folder. Raises UserError."""
    from core.export import to_peft

    yield from to_peft(folder, goal)
