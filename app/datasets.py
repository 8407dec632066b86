"""A run's data and tokenizer as training will read them, for the preview and the checks. No Qt.

Everything here belongs on a task's thread.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import task
from core.events import Phase
from core.run import Run

if TYPE_CHECKING:  # reading brings in NumPy, which the window does not wait for
    from core.data.load import Dataset


def wanted(run: Run) -> tuple[Any, ...]:
    """What read() depends on: the same again means the same dataset."""
    d = run.data
    return d.path, run.spec.data, d.columns, d.exclude, d.fill_in


def read(run: Run) -> "Iterator[Phase | Dataset]":
    """Downloads, if any, as Phase events; the dataset last. Raises BadData, BadOption or Unavailable."""
    from core.data.load import load

    d = run.data
    place = yield from task.fetch_data(d.path)
    yield load(place, run.spec.data, columns=d.columns, exclude=d.exclude, fill_in=d.fill_in)


def tokenizer_wanted(run: Run) -> tuple[Any, ...]:
    """What tokenizer() depends on."""
    return run.model.path, run.model.revision, run.data.chat_template


def tokenizer(run: Run, folder: Path | None = None) -> Any:
    """The model's tokenizer with the chat template of the run, or None while the model is not on this computer.

    Raises BadModel or BadOption.
    """
    from core.data.templates import choose
    from core.data.tokenizer import load_tokenizer

    folder = folder or task.find_model(run.model.path, run.model.revision)
    if folder is None:
        return None
    found = load_tokenizer(folder)
    if run.data.chat_template:
        choose(found, run.data.chat_template)
    return found
