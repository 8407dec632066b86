"""A run's data and tokenizer as training will read them, for the preview and the checks. No Qt.

Everything here belongs on a task's thread.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.threads import core_calls
from core.data.check.exclude import kinds
from core.events import Phase
from core.run import Run

if TYPE_CHECKING:  # reading brings in NumPy, which the window does not wait for
    from core.data.preview.scan import Head, Progress, Scanned
    from core.data.read.reader import Finding

FIRST_ROWS = 100  # rows shown before the rest is read
_UPDATE_SECONDS = 0.15  # seconds between two pieces of news
_last: "tuple[tuple[Any, ...], Scanned] | None" = None  # the data read last, so that the checks need not read it again


@dataclass(frozen=True)
class ReadUpdate:
    """How far reading has come, and what was found since the news before."""

    progress: "Progress"
    findings: "tuple[Finding, ...]"


def data_key(run: Run) -> tuple[Any, ...]:
    """What the preview depends on: the same again means the same rows. Single rows that are left out still show."""
    d = run.data
    return d.path, d.eval_path, run.spec.data, d.columns, kinds(d.exclude), d.fill_in


def read_data(run: Run) -> "Iterator[Phase | Head | ReadUpdate | Scanned]":
    """Downloads, if any, as Phase events; the first rows; news; what it all comes to. At flat memory, however large
    the files are. Raises BadData, BadOption or Unavailable."""
    from core.data.preview.scan import Progress, Scanned, head, scan

    global _last
    place, held, options = yield from _places(run)
    yield head(place, run.spec.data, FIRST_ROWS, **options)
    found: list[Finding] = []
    told = 0.0
    for item in scan(place, run.spec.data, **options, held=held):
        if isinstance(item, Scanned):
            _last = _stamp(run, item.index.files), item
            yield item
        elif isinstance(item, Progress):
            if time.monotonic() - told >= _UPDATE_SECONDS or item.done >= item.size:
                told = time.monotonic()
                yield ReadUpdate(item, tuple(found))
                found = []
        else:
            found.append(item)


def survey_data(run: Run, largest: int) -> "Iterator[Phase | Head | Scanned]":
    """The first rows, and what all of them come to; the latter only where that is known already, or the files have at
    most `largest` bytes. Raises as read() does."""
    from core.data.preview.scan import Scanned, head, scan
    from core.data.read.files import find

    place, held, options = yield from _places(run)
    yield head(place, run.spec.data, FIRST_ROWS, **options)
    files = find(place, run.spec.data).train
    if _last and _last[0] == _stamp(run, map(str, files)):
        yield _last[1]
    elif sum(file.stat().st_size for file in files) <= largest:
        yield from (i for i in scan(place, run.spec.data, **options, held=held) if isinstance(i, Scanned))


def _places(run: Run) -> Any:
    """(the data's place on this computer, that of the validation data or None, options for reading)."""
    d = run.data
    place = yield from core_calls.fetch_data(d.path)
    held = (yield from core_calls.fetch_data(d.eval_path)) if d.eval_path else None
    return place, held, {"columns": d.columns, "exclude": d.exclude, "fill_in": d.fill_in}


def _stamp(run: Run, files: Any) -> tuple[Any, ...]:
    """Changes when the run asks for other rows, or a file is another."""
    every = [Path(file) for file in files]
    return (
        data_key(run),
        run.data.exclude,
        tuple((f, f.stat().st_size, f.stat().st_mtime_ns) for f in every if f.is_file()),
    )


def tokenizer_key(run: Run) -> tuple[Any, ...]:
    """What tokenizer() depends on."""
    return run.model.path, run.model.revision, run.data.chat_template


@dataclass(frozen=True)
class LoadedTokenizer:
    """A tokenizer. `own` tells that the model brings a chat template; `note` is what to know of the chosen one."""

    load_run_tokenizer: Any
    own: bool
    note: str = ""


def load_run_tokenizer(run: Run, folder: Path | None = None) -> LoadedTokenizer | None:
    """The model's tokenizer with the chat template of the run, or None while the model is not on this computer.

    Raises BadModel or BadOption.
    """
    from core.data.tokenize.templates import choose
    from core.data.tokenize.tokenizer import load_tokenizer

    folder = folder or core_calls.find_model(run.model.path, run.model.revision)
    if folder is None:
        return None
    found = load_tokenizer(folder)
    own = bool(found.chat_template)
    note = choose(found, run.data.chat_template) if run.data.chat_template else ""
    return LoadedTokenizer(found, own, note)
