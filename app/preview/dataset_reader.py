"""A run's data and tokenizer as training will read them, for the preview and the checks. No Qt.

Everything here belongs on a task's thread.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.threads import core_calls
from core.data.check.exclude import finding_codes
from core.events import Phase
from core.run import Run

if TYPE_CHECKING:  # reading brings in NumPy, which the window does not wait for
    from core.data.preview.scan import FilePreview, ScanProgress, ScanResult
    from core.data.read.reader import Finding

FIRST = 100  # rows shown before the rest is read
_TELL = 0.15  # seconds between two pieces of news
_last: "tuple[tuple[Any, ...], ScanResult] | None" = (
    None  # the data read last, so that the checks need not read it again
)


@dataclass(frozen=True)
class News:
    """How far reading has come, and what was found since the news before."""

    progress: "ScanProgress"
    findings: "tuple[Finding, ...]"


def wanted(run: Run) -> tuple[Any, ...]:
    """What the preview depends on: the same again means the same rows. Single rows that are left out still show."""
    d = run.data
    return d.path, d.eval_path, run.spec.data, d.columns, finding_codes(d.exclude), d.fill_in


def read(run: Run) -> "Iterator[Phase | FilePreview | News | ScanResult]":
    """Downloads, if any, as Phase events; the first rows; news; what it all comes to. At flat memory, however large
    the files are. Raises BadData, BadOption or Unavailable."""
    from core.data.preview.scan import ScanProgress, ScanResult, preview_files, scan_files

    global _last
    place, held, options = yield from _places(run)
    yield preview_files(place, run.spec.data, FIRST, **options)
    found: list[Finding] = []
    told = 0.0
    for item in scan_files(place, run.spec.data, **options, held_out=held):
        if isinstance(item, ScanResult):
            _last = _stamp(run, item.index.files), item
            yield item
        elif isinstance(item, ScanProgress):
            if time.monotonic() - told >= _TELL or item.done >= item.size:
                told = time.monotonic()
                yield News(item, tuple(found))
                found = []
        else:
            found.append(item)


def survey(run: Run, largest: int) -> "Iterator[Phase | FilePreview | ScanResult]":
    """The first rows, and what all of them come to; the latter only where that is known already, or the files have at
    most `largest` bytes. Raises as read() does."""
    from core.data.preview.scan import ScanResult, preview_files, scan_files
    from core.data.read.files import find_files

    place, held, options = yield from _places(run)
    yield preview_files(place, run.spec.data, FIRST, **options)
    files = find_files(place, run.spec.data).train
    if _last and _last[0] == _stamp(run, map(str, files)):
        yield _last[1]
    elif sum(file.stat().st_size for file in files) <= largest:
        yield from (i for i in scan_files(place, run.spec.data, **options, held_out=held) if isinstance(i, ScanResult))


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
        wanted(run),
        run.data.exclude,
        tuple((f, f.stat().st_size, f.stat().st_mtime_ns) for f in every if f.is_file()),
    )


def tokenizer_wanted(run: Run) -> tuple[Any, ...]:
    """What tokenizer() depends on."""
    return run.model.path, run.model.revision, run.data.chat_template


@dataclass(frozen=True)
class Found:
    """A tokenizer. `own` tells that the model brings a chat template; `note` is what to know of the chosen one."""

    tokenizer: Any
    own: bool
    note: str = ""


def tokenizer(run: Run, folder: Path | None = None) -> Found | None:
    """The model's tokenizer with the chat template of the run, or None while the model is not on this computer.

    Raises BadModel or BadOption.
    """
    from core.data.tokenize.templates import set_chat_template
    from core.data.tokenize.tokenizer import load_tokenizer

    folder = folder or core_calls.find_model(run.model.path, run.model.revision)
    if folder is None:
        return None
    found = load_tokenizer(folder)
    own = bool(found.chat_template)
    note = set_chat_template(found, run.data.chat_template) if run.data.chat_template else ""
    return Found(found, own, note)
