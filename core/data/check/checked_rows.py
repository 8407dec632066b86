"""The files of a dataset as a stream of examples and findings. Memory stays flat."""

import itertools
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from core.data.check import checks
from core.data.check.exclude import TEXT_ONLY, excluded_rows
from core.data.check.fixes import ROW_LEFT_OUT, check_exclude
from core.data.check.row_parser import RowParser
from core.data.check.seen_keys import SeenKeys
from core.data.format.example import Example, Remark, Unusable, texts_key
from core.data.format.formats import Format
from core.data.read.index import MarkCollector, RowIndex
from core.data.read.reader import Finding, Row, iterate_rows, text_length
from core.data.read.source import Source

MOST_HELD = 1 << 26  # characters of rows that are in memory at once while their format is detected


class _LocatedRow(NamedTuple):
    file: str
    number: int  # counted from 1 over all files
    row: Row  # with mapped columns


class CheckedRows:
    """One pass through the files. While iterate() is consumed, the other members tell how far it has come."""

    def __init__(
        self,
        paths: Sequence[Path],
        kind: str,
        *,
        columns: Iterable[str] = (),
        exclude: Collection[str] = (),
        fill_in: Iterable[str] = (),
        held_out_keys: SeenKeys | None = None,
        unread_files: Sequence[Path] = (),
        held_out_files: Sequence[Path] = (),
        held_out_part: bool = False,
    ) -> None:
        """See core.data.dataset.load_dataset for `columns`, `exclude` and `fill_in`.

        held_out_keys   keys of the held-out examples; a row with the same content as one of them gets a remark
        unread_files    files that a person may expect among `paths`, for a finding
        held_out_files  files that lie beside `paths` to be held out, for a finding
        held_out_part   read what the files set aside, as in {"train": […], "test": […]}, not what is to be trained on

        Raises BadOption for a malformed entry.
        """
        check_exclude(exclude)
        self._unread_files, self._held_out_files = unread_files, held_out_files
        self._excluded_rows, self._reads_held_out = excluded_rows(exclude), held_out_part
        self.files_with_held_out: list[str] = []  # files that set rows aside, of those read so far
        self.paths, self.kind, self.exclude, self.held_out_keys = paths, kind, exclude, held_out_keys
        self.files = [str(path) for path in paths]
        self.rows_read = 0  # whether anything can be learned from them or not
        self.rows_used = 0  # those of them that have the columns of the column mapping
        self._marked_bad = 0  # rows whose answers are not learned for their mark
        self.key = ""  # content_key() of the example that was given last
        self.parser = RowParser(kind, columns, fill_in, text_only=TEXT_ONLY in exclude)
        self._dataset_checks = checks.DatasetChecks()
        self._marks = MarkCollector()
        self._source: Source | None = None
        self._sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
        self._finished_bytes = 0  # of the files before the one that is being read

    @property
    def format(self) -> Format:
        """The format of the rows, with their number so far."""
        return replace(self.parser.format, rows=self.rows_used)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self._sizes)

    def bytes_read(self) -> int:
        """How many of the files' bytes have been read."""
        return self._finished_bytes + (self._source.bytes_read() if self._source else 0)

    @property
    def offset(self) -> int:
        """Where the row that was read last begins, in bytes of unpacked text; cheaper than bytes_read()."""
        return self._finished_bytes + (self._source.row_start[0] if self._source else 0)

    def index(self) -> RowIndex:
        """An index of the rows read so far."""
        return RowIndex(tuple(self.files), self._marks.to_array(), self.rows_read)

    def iterate(self, detection_rows: int) -> Generator[Finding | Example, None, None]:
        """Every example and finding in the files' order: those of a row together, those about the whole at the end.

        The format is detected from the first `detection_rows` rows. Raises what read_rows() raises.
        """
        rows = self._read()
        head: list[Finding | _LocatedRow] = []
        size = 0
        for item in itertools.islice(rows, detection_rows):
            head.append(item)
            size += text_length(item.row.value) if isinstance(item, _LocatedRow) else 0
            if size > MOST_HELD:
                break
        self.parser.detect_format([item.row for item in head if isinstance(item, _LocatedRow)])
        for item in itertools.chain(head, rows):
            if isinstance(item, Finding):
                yield item
            else:
                yield from self._check_row(item)
        for line, remark in self._dataset_checks.remarks("duplicate" in self.exclude):
            yield self._finding(remark, self.files[0], line)
        exclusions = checks.left_out_remarks(self._excluded_rows, self.rows_read)
        unread_columns = checks.unread_column_remarks(self.parser.format.unread_content)
        in_part = checks.text_only_remarks(self.parser.rows_in_part)
        messages = checks.single_message_remarks(self.parser.format)
        numbers = checks.whole_number_remarks(self.parser.format.whole_numbers)
        marked = checks.marked_bad_remarks(self._marked_bad)
        ends = checks.unanswered_remarks(self.parser.left_out_messages)
        beside = (
            *checks.unread_file_remarks(self._unread_files),
            *checks.held_out_file_remarks(self._held_out_files),
        )
        for remark in (*exclusions, *in_part, *marked, *ends, *messages, *numbers, *beside, *unread_columns):
            yield self._finding(remark, self.files[0], None)

    def _check_row(self, located: _LocatedRow) -> Iterator[Finding | Example]:
        """The findings about a row, and its examples unless they are left out."""
        file, number, row = located
        self.rows_used += 1
        try:
            examples, texts, remarks = self.parser.parse(row)
        except Unusable as problem:
            yield self._finding(problem.remark, file, row.line, number)
            return
        keys = [texts_key(own_texts) for own_texts in texts]
        held_out_keys = self.held_out_keys
        if held_out_keys is not None and any(map(held_out_keys.contains, keys)):
            remarks.append(checks.OVERLAP)
        for remark in remarks:
            yield self._finding(remark, file, row.line, number)
        if self.exclude and any(r.code in self.exclude for r in remarks):
            return
        self._marked_bad += not examples
        for example, key in zip(examples, keys, strict=True):
            if not (self._dataset_checks.add(example, key) and "duplicate" in self.exclude):
                self.key = key
                yield replace(example, file=file) if len(self.files) > 1 else example

    def _read(self) -> Iterator[Finding | _LocatedRow]:
        """The rows of all files with mapped columns, and findings about those that cannot be read or mapped."""
        for number, (path, file) in enumerate(zip(self.paths, self.files, strict=True)):
            self._finished_bytes = sum(self._sizes[:number])
            self._source = Source(path)
            for item in iterate_rows(self._source, held_out=self._reads_held_out):
                if isinstance(item, Finding):
                    yield item
                    continue
                self._marks.add(self.rows_read, number, self._source.row_start)
                self.rows_read += 1
                if self.rows_read in self._excluded_rows:
                    continue
                try:
                    row = self.parser.map_columns(item)
                except Unusable as problem:
                    yield self._finding(problem.remark, file, item.line, self.rows_read)
                    continue
                yield _LocatedRow(file, self.rows_read, row)
            if self._source.held_out_part:
                self.files_with_held_out.append(file)

    def _finding(self, remark: Remark, file: str, line: int | None, row: int | None = None) -> Finding:
        fix = ROW_LEFT_OUT if remark.code in self.exclude and line else remark.fix
        return Finding(remark.code, remark.severity, file, line, remark.message, fix, row)
