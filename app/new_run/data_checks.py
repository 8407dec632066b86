"""The checks of a run's data before it starts: what its rows hold, and what is learned of them. No Qt; for a task."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.desktop.language import tr, tr_count
from app.desktop.machine import format_bytes
from app.new_run import goals
from app.new_run.check import BAD, GOOD, LATER, NOTE, Check
from app.preview import dataset_reader
from app.runs.labels import data_label
from core.data.check.fixes import placeholder_to_fill
from core.run import Run
from core.text.sentence import join, split_lines

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
        words = tr(
            "{name}: the first rows are in order; not all of its {size} have been looked at.",
            name=name,
            size=format_bytes(size),
        )
        return Check("data", NOTE if size > _LARGE else GOOD, words + _describe_memory(size), "data")
    usable = scanned.usable
    rows = tr_count("{name}: {count:,} usable row", "{name}: {count:,} usable rows", usable, name=name)
    if not usable:
        misfit = goals.find_misfit(run)
        words = (
            tr(join((misfit.reason, misfit.sentence)))
            if misfit
            else tr("{name} has no row that can be used.", name=name)
        )
        return Check("data", BAD, words, "data")
    if scanned.left_out:
        words = tr(
            "{name}: {left_out:,} of {all_rows:,} rows are left out; {usable:,} can be used.",
            name=name,
            left_out=scanned.left_out,
            all_rows=scanned.left_out + usable,
            usable=usable,
        )
        return Check("data", NOTE, words, "problems")
    if usable < run.train.batch_size:
        return Check(
            "data",
            NOTE,
            tr("{rows}, fewer than one batch of {batch_size}.", rows=rows, batch_size=run.train.batch_size),
            "data",
        )
    if usable < _FEW_ROWS:
        return Check("data", NOTE, tr("{rows}: enough to try, not enough to trust.", rows=rows), "data")
    if usable < _MEMORISED_ROWS and (run.train.epochs or 0) > _MANY_EPOCHS:
        words = tr("{rows}, seen {epochs:g} times: likely to be memorised.", rows=rows, epochs=run.train.epochs)
        return Check("data", NOTE, words, "settings")
    return Check("data", GOOD, f"{rows}.", "data")


def _describe_memory(size: int) -> str:
    """The memory that a run over `size` bytes of data needs for its rows, where that is a lot."""
    return (
        tr(" A run keeps all rows in memory: about {size}.", size=format_bytes(_MEMORY_FACTOR * size))
        if size > _LARGE
        else ""
    )


def check_placeholders(survey: Survey) -> Check:
    key, scanned = "placeholders", survey.scanned
    found = [finding for finding in survey.head.findings if finding.code == "placeholder"]
    count = scanned.problems.get("placeholder", 0) if scanned else len(found)
    if not count:
        words = tr("No text holds one that was to be filled in.") if scanned else tr("The first rows hold none.")
        return Check(key, GOOD, words)
    rows = scanned.index.rows if scanned else len(survey.head.examples)
    name = next(("{{" + placeholder_to_fill(finding) + "}}" for finding in found), tr("A placeholder"))
    words = tr(
        "{name} stands in {count:,} of {rows:,} rows: the model would learn to write it.",
        name=name,
        count=count,
        rows=rows,
    )
    return Check(key, NOTE, words, "problems", tr("Fill in…"))


def check_tokens(run: Run, head: "FilePreview | None", tokenizer: Any) -> Check:
    """Encode the first rows, and count what is learned, cut, and left without anything to learn."""
    key = "learned"
    if head is None:
        return Check(key, LATER, tr("Can be told once the data can be read."))
    if tokenizer is None:
        return Check(key, LATER, tr("Known after the download."))
    from core.data.preview.lengths import UNLIMITED, example_lengths
    from core.data.tokenize.encoding import encode_examples  # brings in NumPy

    examples, limit = head.examples, run.data.max_seq_len
    if not examples:
        return Check(key, BAD, tr("No row can be used."), "data")
    texts = encode_examples(examples, tokenizer, train_on=run.data.train_on, max_len=UNLIMITED)
    lengths, starts = example_lengths(texts, examples)
    empty_lines = [e.line for e, start in zip(examples, starts, strict=True) if start >= limit]
    truncated, longest = sum(length > limit for length in lengths), max(lengths)
    rows = tr_count("{count:,} row looked at", "{count:,} rows looked at", len(examples))
    if len(empty_lines) == len(examples):
        return Check(key, BAD, tr("No row has anything to learn within {limit:,} tokens.", limit=limit), "settings")
    if empty_lines:
        first = tr("the first: line {line}", line=empty_lines[0])
        words = tr(
            "{count} of {rows} have nothing to learn and are left out ({first}).",
            count=len(empty_lines),
            rows=rows,
            first=first,
        )
        return Check(key, NOTE, words, "problems")
    cut = tr("{count} of {rows} are cut at {limit:,} tokens.", count=truncated, rows=rows, limit=limit)
    notes = [split_lines(note)[0] for row in texts if (note := next((text.note for text in row if text.note), ""))]
    if notes:  # as of a model without a chat template
        words = tr("{count} of {rows}: {note}", count=len(notes), rows=rows, note=notes[0])
        return Check(key, NOTE, f"{words} {cut}" if truncated else words, "data")
    if truncated:
        return Check(key, NOTE, cut, "settings")
    if run.spec.on_policy:
        return Check(key, GOOD, tr("{rows}: the longest question has {longest:,} tokens.", rows=rows, longest=longest))
    share = sum(int(t.mask.sum()) for row in texts for t in row) / sum(len(t.tokens) for row in texts for t in row)
    return Check(
        key,
        GOOD,
        tr(
            "{rows}: {share:.0%} of the tokens are learned; the longest has {longest:,}.",
            rows=rows,
            share=share,
            longest=longest,
        ),
    )
