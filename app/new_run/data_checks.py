"""The checks of a run's data before it starts: what its rows hold, and what is learned of them. No Qt; for a task."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.desktop.machine import format_bytes
from app.new_run import goals
from app.new_run.check import BAD, GOOD, LATER, NOTE, Check
from app.preview import dataset_reader
from app.runs.labels import data_label
from core.data.check.fixes import placeholder_to_fill
from core.run import Run

if TYPE_CHECKING:
    from core.data.preview.scan import FilePreview, ScanResult

_SCAN_LIMIT = 256 << 20  # bytes of data up to which all rows are read for the checks, if they were not read before
_LARGE = 2 << 30  # bytes of data from which their rows need a lot of memory
_MEMORY_FACTOR = 3  # rows need so many times the size of their file in memory
_FEW_ROWS = 50  # enough to try, not enough to trust
_MEMORISED_ROWS, _MANY_EPOCHS = 500, 5  # fewer rows, gone through more often, are likely to be memorised


@dataclass(frozen=True)
class Survey:
    """The first rows of the data, and the summary of all rows; None where there are too many to read them all."""

    head: "FilePreview"
    scanned: "ScanResult | None"


def survey(run: Run) -> Survey:
    from core.data.preview.scan import FilePreview, ScanResult

    items = list(dataset_reader.survey_data(run, _SCAN_LIMIT))
    head = next(item for item in items if isinstance(item, FilePreview))
    return Survey(head, next((item for item in items if isinstance(item, ScanResult)), None))


def check_data(run: Run, survey: Survey) -> Check:
    name, scanned = data_label(run), survey.scanned
    if scanned is None:
        size = sum(Path(file).stat().st_size for file in survey.head.index.files)
        words = f"{name}: the first rows are in order; not all of its {format_bytes(size)} have been looked at."
        return Check("Data", NOTE if size > _LARGE else GOOD, words + _describe_memory(size), "Data")
    usable = scanned.usable
    rows = f"{name}: {usable:,} usable row{'' if usable == 1 else 's'}"
    if not usable:
        misfit = goals.find_misfit(run)
        words = f"{misfit.reason} {misfit.sentence}" if misfit else f"{name} has no row that can be used."
        return Check("Data", BAD, words, "Data")
    if scanned.left_out:
        words = (
            f"{name}: {scanned.left_out:,} of {scanned.left_out + usable:,} rows are left out; {usable:,} can be used."
        )
        return Check("Data", NOTE, words, "Problems")
    if usable < run.train.batch_size:
        return Check("Data", NOTE, f"{rows}, fewer than one batch of {run.train.batch_size}.", "Data")
    if usable < _FEW_ROWS:
        return Check("Data", NOTE, f"{rows}: enough to try, not enough to trust.", "Data")
    if usable < _MEMORISED_ROWS and (run.train.epochs or 0) > _MANY_EPOCHS:
        words = f"{rows}, seen {run.train.epochs:g} times: likely to be memorised."
        return Check("Data", NOTE, words, "Settings")
    return Check("Data", GOOD, f"{rows}.", "Data")


def _describe_memory(size: int) -> str:
    """The memory that a run over `size` bytes of data needs for its rows, where that is a lot."""
    return f" A run keeps all rows in memory: about {format_bytes(_MEMORY_FACTOR * size)}." if size > _LARGE else ""


def check_placeholders(survey: Survey) -> Check:
    title, scanned = "Placeholders", survey.scanned
    found = [finding for finding in survey.head.findings if finding.code == "placeholder"]
    count = scanned.problems.get("placeholder", 0) if scanned else len(found)
    if not count:
        words = "No text holds one that was to be filled in." if scanned else "The first rows hold none."
        return Check(title, GOOD, words)
    rows = scanned.index.rows if scanned else len(survey.head.examples)
    name = next(("{{" + placeholder_to_fill(finding) + "}}" for finding in found), "A placeholder")
    words = f"{name} stands in {count:,} of {rows:,} rows: the model would learn to write it."
    return Check(title, NOTE, words, "Problems", "Fill in…")


def check_tokens(run: Run, head: "FilePreview | None", tokenizer: Any) -> Check:
    """Encode the first rows, and count what is learned, cut, and left without anything to learn."""
    title = "What is learned"
    if head is None:
        return Check(title, LATER, "Can be told once the data can be read.")
    if tokenizer is None:
        return Check(title, LATER, "Known after the download.")
    from core.data.preview.lengths import UNLIMITED, example_lengths
    from core.data.tokenize.encoding import encode_examples  # brings in NumPy

    examples, limit = head.examples, run.data.max_seq_len
    if not examples:
        return Check(title, BAD, "No row can be used.", "Data")
    texts = encode_examples(examples, tokenizer, train_on=run.data.train_on, max_len=UNLIMITED)
    lengths, starts = example_lengths(texts, examples)
    empty_lines = [e.line for e, start in zip(examples, starts, strict=True) if start >= limit]
    truncated, longest = sum(length > limit for length in lengths), max(lengths)
    rows = f"{len(examples):,} row{'' if len(examples) == 1 else 's'} looked at"
    if len(empty_lines) == len(examples):
        return Check(title, BAD, f"No row has anything to learn within {limit:,} tokens.", "Settings")
    if empty_lines:
        first = f"the first: line {empty_lines[0]}"
        words = f"{len(empty_lines)} of {rows} have nothing to learn and are left out ({first})."
        return Check(title, NOTE, words, "Problems")
    if truncated:
        return Check(title, NOTE, f"{truncated} of {rows} are cut at {limit:,} tokens.", "Settings")
    if run.spec.on_policy:
        return Check(title, GOOD, f"{rows}: the longest question has {longest:,} tokens.")
    share = sum(int(t.mask.sum()) for row in texts for t in row) / sum(len(t.tokens) for row in texts for t in row)
    return Check(title, GOOD, f"{rows}: {share:.0%} of the tokens are learned; the longest has {longest:,}.")
