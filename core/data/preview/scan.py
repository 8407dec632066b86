"""Files of any size for the preview: the first rows at once, then all of them with progress, at flat memory."""

from collections import Counter
from collections.abc import Collection, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.check.checked_rows import MOST_HELD, CheckedRows
from core.data.check.exclude import finding_codes
from core.data.check.row_parser import RowParser
from core.data.check.seen_keys import SeenKeys
from core.data.format.assistant import speaker_names
from core.data.format.column_paths import column_paths
from core.data.format.example import Example, content_key, example_texts
from core.data.format.formats import DETECTION_ROWS, Format
from core.data.read import files
from core.data.read.index import RowIndex
from core.data.read.reader import MAX_LISTED, Finding

_ROWS, _BYTES = 1000, 4 << 20  # between two reports of progress, whichever is reached first

Paths = str | Path | Iterable[str | Path]


@dataclass(frozen=True)
class FilePreview:
    """The first rows of a dataset as examples, and the findings about them."""

    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]
    parser: RowParser  # with the format of these rows
    index: RowIndex  # of these rows
    file_columns: tuple[str, ...]  # as the file names them, and what lies inside: core.data.format.column_paths
    speakers: tuple[str, ...] = ()  # of conversations whose speakers have names, not roles

    @property
    def format(self) -> Format:
        return self.parser.format


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan has come."""

    done: int  # bytes of the files as they lie on the disk
    size: int  # bytes of all files
    index: RowIndex  # of the rows read so far

    @property
    def fraction(self) -> float:
        """The share of the files that has been read, from 0 to 1."""
        return self.done / self.size if self.size else 1.0


@dataclass(frozen=True)
class ScanResult:
    """The result of a scan."""

    sentence: str  # the format and the number of rows
    parser: RowParser
    usable: int  # examples
    left_out: int  # errors: rows, or pieces of the file, from which nothing can be learned
    problems: dict[str, int]  # how often each code of finding was met, listed or not
    index: RowIndex
    set_aside: int = 0  # examples that the files themselves, or files beside them, hold out; 0 where others are named


def preview_files(
    path: Paths,
    kind: str,
    count: int = 200,
    *,
    columns: Iterable[str] = (),
    exclude: Collection[str] = (),
    fill_in: Iterable[str] = (),
) -> FilePreview:
    """The first `count` examples, without reading much further; see core.data.dataset.load_dataset for the arguments.

    Raises what load_dataset() raises, but nothing for files in which no row can be used.
    """
    options: dict[str, Any] = {"columns": tuple(columns), "exclude": exclude, "fill_in": fill_in}
    dataset_files = files.find_files(path, kind)
    checked_rows = CheckedRows(dataset_files.train, kind, **options, **_beside(dataset_files))
    examples: list[Example] = []
    findings: list[Finding] = []
    size = 0
    items = checked_rows.iterate(count)
    for item in items:
        if isinstance(item, Finding):
            findings.append(item)
        else:
            examples.append(item)
            size += sum(map(len, example_texts(item)))
        if len(examples) >= count or len(findings) >= MAX_LISTED or size > MOST_HELD:
            break
    items.close()
    parser, index = checked_rows.parser, checked_rows.index()
    file_columns = parser.format.column_paths
    speakers: tuple[str, ...] = ()
    if options["columns"] or any(finding.code == "role" for finding in findings):
        rows = [row.value for _, row in index.read_located(0, min(count, index.rows))]
        file_columns = tuple(dict.fromkeys(column for row in rows for column in column_paths(row)))
        speakers = tuple(dict.fromkeys(name for row in rows for name in speaker_names(row)))
    return FilePreview(tuple(examples), tuple(findings), parser, index, file_columns, speakers)


def scan_files(
    path: Paths,
    kind: str,
    *,
    columns: Iterable[str] = (),
    exclude: Collection[str] = (),
    fill_in: Iterable[str] = (),
    held_out: Paths | None = None,
) -> Generator[ScanProgress | Finding | ScanResult, None, None]:
    """Check all rows as load_dataset() does, without keeping them; see there for the arguments.

    Yields findings as they are met (at most MAX_LISTED of each code), ScanProgress in between and a ScanResult at the
    end. Rows that also stand in the files `held_out` get a finding. Closing the generator ends the work.

    Raises what load_dataset() raises, but nothing when no row can be used.
    """
    options: dict[str, Any] = {"columns": columns, "fill_in": fill_in}
    keys = None
    if held_out is not None:
        keys = _collect_keys(CheckedRows(files.find_files(held_out, kind).train, kind, **options))
    dataset_files = files.find_files(path, kind)
    options |= {"exclude": exclude, "held_out_keys": keys, **_beside(dataset_files)}
    checked_rows = CheckedRows(dataset_files.train, kind, **options)
    problems: Counter[str] = Counter()
    usable = left_out = last_rows = last_offset = 0
    yield ScanProgress(0, checked_rows.size, checked_rows.index())
    for item in checked_rows.iterate(DETECTION_ROWS):
        if isinstance(item, Finding):
            problems[item.code] += 1
            left_out += item.severity == "error"
            if problems[item.code] <= MAX_LISTED:
                yield item
        else:
            usable += 1
        if checked_rows.rows_read >= last_rows + _ROWS or checked_rows.offset >= last_offset + _BYTES:
            last_rows, last_offset = checked_rows.rows_read, checked_rows.offset
            yield ScanProgress(checked_rows.bytes_read(), checked_rows.size, checked_rows.index())
    yield ScanProgress(checked_rows.size, checked_rows.size, checked_rows.index())
    index = checked_rows.index()
    set_aside = 0 if held_out is not None else _count_set_aside(dataset_files, checked_rows, kind, options)
    yield ScanResult(
        checked_rows.format.sentence, checked_rows.parser, usable, left_out, dict(problems), index, set_aside
    )


def _count_set_aside(dataset_files: files.DatasetFiles, train: CheckedRows, kind: str, options: dict[str, Any]) -> int:
    """How many examples are measured on where no validation data is named, as core.training.splits chooses them."""
    options = {
        "columns": options["columns"],
        "fill_in": options["fill_in"],
        "exclude": finding_codes(options["exclude"]),
    }
    if dataset_files.held_out:
        rows = CheckedRows(dataset_files.held_out, kind, **options)
    elif train.files_with_held_out:
        rows = CheckedRows([Path(file) for file in train.files_with_held_out], kind, **options, held_out_part=True)
    else:
        return 0
    return sum(not isinstance(item, Finding) for item in rows.iterate(DETECTION_ROWS))


def _beside(dataset_files: files.DatasetFiles) -> dict[str, Any]:
    """What lies beside the files that are read, for CheckedRows."""
    return {"unread_files": dataset_files.unread, "held_out_files": dataset_files.held_out}


def _collect_keys(checked_rows: CheckedRows) -> SeenKeys:
    """The keys of all examples, however many."""
    keys = SeenKeys()
    for item in checked_rows.iterate(DETECTION_ROWS):
        if not isinstance(item, Finding):
            keys.add(content_key(item))
    return keys
