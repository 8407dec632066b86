"""The files of a dataset row by row: what each row means, and what is wrong with it. Memory stays flat."""

import itertools
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from core.data.check import checks
from core.data.check.exclude import rows
from core.data.check.fixes import LEFT_OUT, check_exclude
from core.data.check.row_parser import Meaning
from core.data.check.seen_keys import Known
from core.data.format.example import Example, Remark, Unusable, key
from core.data.format.formats import Format
from core.data.read.index import Index, Marks
from core.data.read.reader import Finding, Row, rows_of
from core.data.read.source import Source


class Walk:
    """One way through the files. While items() is gone through, the other members tell how far it has come."""

    def __init__(
        self,
        paths: Sequence[Path],
        kind: str,
        *,
        columns: Iterable[str] = (),
        exclude: Collection[str] = (),
        fill_in: Iterable[str] = (),
        held: Known | None = None,
        unread: Sequence[Path] = (),
    ) -> None:
        """`held` are the keys of held-out rows; a row that says the same as one of them is remarked on. `unread` are
        files that a person may expect among these. Raises BadOption for a column, a finding or a text to fill in that
        is none; see load() for what they are."""
        check_exclude(exclude)
        self._unread, self._left_out = unread, rows(exclude)
        self.paths, self.kind, self.exclude, self.held = paths, kind, exclude, held
        self.files = [str(path) for path in paths]
        self.rows = 0  # read, whether anything can be learned from them or not
        self.used = 0  # of them, those that have the columns asked for
        self.meaning = Meaning(kind, columns, fill_in)
        self._together = checks.Together()
        self._marks = Marks()
        self._source: Source | None = None
        self._sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
        self._passed = 0  # bytes of the files before the one that is read

    @property
    def form(self) -> Format:
        """What the rows are, with their number so far."""
        return replace(self.meaning.form, rows=self.used)

    @property
    def sentence(self) -> str:
        return self.form.sentence

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self._sizes)

    def done(self) -> int:
        """Bytes read of them."""
        return self._passed + (self._source.done() if self._source else 0)

    @property
    def place(self) -> int:
        """Where the row that was read last begins, in bytes of unpacked text; cheaper than done()."""
        return self._passed + (self._source.start[0] if self._source else 0)

    def index(self) -> Index:
        """Where the rows read so far stand."""
        return Index(tuple(self.files), self._marks.table(), self.rows)

    def items(self, look_at: int) -> Generator[Finding | Example, None, None]:
        """Every example and finding: those of a row together, in the files' order, those of the whole at the end.

        `look_at` is the number of rows from which the format is told. Raises what read() raises.
        """
        rows = self._read()
        head = list(itertools.islice(rows, look_at))
        self.meaning.learn([row for _, _, row in (i for i in head if isinstance(i, tuple))])
        for item in itertools.chain(head, rows):
            if isinstance(item, Finding):
                yield item
                continue
            file, number, row = item
            self.used += 1
            try:
                built, remarks = self.meaning.of(row)
            except Unusable as problem:
                yield self._finding(problem.remark, file, row.line, number)
                continue
            if self.held is not None and any(self.held.knows(key(example)) for example in built):
                remarks.append(checks.OVERLAP)
            for remark in remarks:
                yield self._finding(remark, file, row.line, number)
            if any(r.code in self.exclude for r in remarks):
                continue
            for example in built:
                if not (self._together.repeated(example) and "duplicate" in self.exclude):
                    yield replace(example, file=file) if len(self.files) > 1 else example
        for line, remark in self._together.remarks("duplicate" in self.exclude):
            yield self._finding(remark, self.files[0], line)
        for remark in (*checks.left_out(self._left_out, self.rows), *checks.unread(self._unread)):
            yield self._finding(remark, self.files[0], None)

    def _read(self) -> Iterator[Finding | tuple[str, int, Row]]:
        """(file, number, row under the known names) of all files, and what is wrong with those that are none."""
        for number, path in enumerate(self.paths):
            self._passed = sum(self._sizes[:number])
            self._source = Source(path)
            for item in rows_of(self._source):
                if isinstance(item, Finding):
                    yield item
                    continue
                self._marks.row(self.rows, number, self._source.start)
                self.rows += 1
                if self.rows in self._left_out:
                    continue
                try:
                    named = self.meaning.named(item)
                except Unusable as problem:
                    yield self._finding(problem.remark, str(path), item.line, self.rows)
                    continue
                yield str(path), self.rows, named

    def _finding(self, remark: Remark, file: str, line: int | None, row: int | None = None) -> Finding:
        fix = LEFT_OUT if remark.code in self.exclude and line else remark.fix
        return Finding(remark.code, remark.severity, file, line, remark.message, fix, row)
