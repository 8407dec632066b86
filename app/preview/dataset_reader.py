"""A run's data and tokenizer as training will read them, for the preview and the checks. No Qt.

Everything here belongs on a task's thread.
"""

import time
from collections.abc import Generator, Iterable, Iterator
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

FIRST_ROWS = 100  # shown before the other rows are read
_UPDATE_SECONDS = 0.15  # between two updates
# The data that were read last, with their stamp: the checks need not read them again.
_last_scan: "tuple[tuple[Any, ...], ScanResult] | None" = None


@dataclass(frozen=True)
class ReadUpdate:
    """How far reading has come, and the findings since the update before."""

    progress: "ScanProgress"
    findings: "tuple[Finding, ...]"


@dataclass(frozen=True)
class DataKey:
    """What the rows of the preview depend on: runs with equal keys have the same rows."""

    path: str
    eval_path: str | None
    kind: str
    columns: tuple[str, ...]
    exclude: tuple[str, ...]  # kinds of problems; single rows that are left out are shown all the same
    fill_in: tuple[str, ...]


def data_key(run: Run) -> DataKey:
    """The key of a run's rows."""
    d = run.data
    return DataKey(d.path, d.eval_path, run.spec.data, d.columns, finding_codes(d.exclude), d.fill_in)


def read_data(run: Run) -> "Iterator[Phase | FilePreview | ReadUpdate | ScanResult]":
    """Read all rows of a run's data, with flat memory however large the files are.

    Yields a download, if any, as Phase events; then the first rows as a FilePreview; then updates; then the summary
    of all rows. Raises BadData, BadOption or Unavailable.
    """
    from core.data.preview.scan import ScanProgress, ScanResult, preview_files, scan_files

    global _last_scan
    source = yield from _fetch_source(run)
    yield preview_files(source.path, run.spec.data, FIRST_ROWS, **source.options)
    findings: list[Finding] = []
    updated = 0.0
    for item in scan_files(source.path, run.spec.data, **source.options, held_out=source.eval_path):
        if isinstance(item, ScanResult):
            _last_scan = _stamp(run, item.index.files), item
            yield item
        elif isinstance(item, ScanProgress):
            if time.monotonic() - updated >= _UPDATE_SECONDS or item.done >= item.size:
                updated = time.monotonic()
                yield ReadUpdate(item, tuple(findings))
                findings = []
        else:
            findings.append(item)


def survey_data(run: Run, size_limit: int) -> "Iterator[Phase | FilePreview | ScanResult]":
    """Read the first rows, and the summary of all rows; the summary only if it is known from reading before, or the
    files have at most `size_limit` bytes. Raises as read_data() does."""
    from core.data.preview.scan import ScanResult, preview_files, scan_files
    from core.data.read.files import find_files

    source = yield from _fetch_source(run)
    yield preview_files(source.path, run.spec.data, FIRST_ROWS, **source.options)
    files = find_files(source.path, run.spec.data).train
    if _last_scan and _last_scan[0] == _stamp(run, map(str, files)):
        yield _last_scan[1]
    elif sum(file.stat().st_size for file in files) <= size_limit:
        items = scan_files(source.path, run.spec.data, **source.options, held_out=source.eval_path)
        yield from (item for item in items if isinstance(item, ScanResult))


@dataclass(frozen=True)
class _Source:
    """Where the data and the validation data are on this computer, and the options for reading them."""

    path: str
    eval_path: str | None
    options: dict[str, Any]


def _fetch_source(run: Run) -> "Generator[Phase, None, _Source]":
    d = run.data
    path = yield from core_calls.fetch_data(d.path)
    eval_path = (yield from core_calls.fetch_data(d.eval_path)) if d.eval_path else None
    return _Source(path, eval_path, {"columns": d.columns, "exclude": d.exclude, "fill_in": d.fill_in})


def _stamp(run: Run, files: Iterable[str]) -> tuple[Any, ...]:
    """Changes when the run asks for other rows, or when a file has changed."""
    paths = [Path(file) for file in files]
    return (
        data_key(run),
        run.data.exclude,
        tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()),
    )


def tokenizer_key(run: Run) -> tuple[Any, ...]:
    """What load_run_tokenizer() depends on."""
    return run.model.path, run.model.revision, run.data.chat_template


@dataclass(frozen=True)
class LoadedTokenizer:
    """A tokenizer. `has_template`: the model brings a chat template. `note`: what to know of the chosen template.
    `end_of_turn`: a sentence about what ends an answer."""

    tokenizer: Any
    has_template: bool
    note: str = ""
    end_of_turn: str = ""


def load_run_tokenizer(run: Run, folder: Path | None = None) -> LoadedTokenizer | None:
    """The model's tokenizer with the run's chat template, or None while the model is not on this computer.

    Raises BadModel or BadOption.
    """
    from core.data.tokenize.end_of_turn import find_end_of_turn
    from core.data.tokenize.templates import set_chat_template
    from core.data.tokenize.tokenizer import load_tokenizer

    folder = folder or core_calls.find_model(run.model.path, run.model.revision)
    if folder is None:
        return None
    tokenizer = load_tokenizer(folder)
    has_template = bool(tokenizer.chat_template)
    note = set_chat_template(tokenizer, run.data.chat_template) if run.data.chat_template else ""
    return LoadedTokenizer(tokenizer, has_template, note, find_end_of_turn(tokenizer).describe())
