"""From a row as it stands in the file to what it means: columns named, placeholders filled in, its shape built."""

from collections.abc import Iterable
from dataclasses import replace

from core.data.check import checks
from core.data.format.example import Example, Remark
from core.data.format.formats import Format, detect
from core.data.format.mapping import Columns, fill, parse_fill
from core.data.read.reader import Row


class Meaning:
    """How the rows of a dataset are to be understood. `form` is told from the first rows, by learn()."""

    def __init__(self, kind: str, columns: Iterable[str] = (), fill_in: Iterable[str] = ()) -> None:
        """Raises BadOption for an entry that is none; see load() for what they are."""
        self.form = Format(kind, (), (), 0)
        self._columns, self._texts = Columns.parse(columns), parse_fill(fill_in)

    def learn(self, rows: Iterable[Row]) -> None:
        """Tell the format from rows that are named()."""
        self.form = detect(rows, self.form.kind)

    def named(self, row: Row) -> Row:
        """The row under the known names. Raises Unusable when it lacks a column that was asked for."""
        value = self._columns.apply(row.value)
        return replace(row, value=fill(value, self._texts) if self._texts else value)

    def of(self, row: Row) -> tuple[tuple[Example, ...], list[Remark]]:
        """What a named() row means: nearly always one example. Raises Unusable when nothing can be learned from it."""
        built, remarks = self.form.examples(row)
        return built, [*remarks, *(remark for example in built for remark in checks.row(example))]
