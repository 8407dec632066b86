"""From a row as it stands in the file to its examples: columns mapped, placeholders filled in, its shape parsed."""

from collections.abc import Iterable
from typing import NamedTuple

from core.data.check import checks, odd_texts
from core.data.check.answer_scores import score_remarks
from core.data.format import column_names as names_of
from core.data.format.assistant import with_assistant
from core.data.format.example import Example, Remark, example_texts
from core.data.format.formats import Format, detect_format
from core.data.format.mapping import ColumnMap, fill_placeholders, parse_fill_in
from core.data.format.message_content import leave_out_media
from core.data.format.shapes.common import find_column
from core.data.read.reader import Row


class ParsedRow(NamedTuple):
    """The examples that a row stands for, nearly always one, with the texts of each, and the remarks on the row."""

    examples: tuple[Example, ...]
    texts: list[list[str]]  # example_texts() of each example
    remarks: list[Remark]


class RowParser:
    """Turns the rows of a dataset into examples. `format` is detected from the first rows, by detect_format()."""

    def __init__(
        self, kind: str, columns: Iterable[str] = (), fill_in: Iterable[str] = (), *, text_only: bool = False
    ) -> None:
        """See core.data.dataset.load_dataset for the arguments; with
        `text_only` the parts of messages that are not text are left out. Raises BadOption for a malformed entry."""
        self.format = Format(kind, (), (), 0)
        self._text_only = text_only
        self.rows_in_part = 0  # of which such parts were left out
        self.left_out_messages = 0  # at the ends of conversations between people
        self._columns, self._texts = ColumnMap.parse(columns), parse_fill_in(fill_in)

    def detect_format(self, rows: Iterable[Row]) -> None:
        """Set `format` from rows that map_columns() returned."""
        self.format = detect_format(rows, self.format.kind)

    def map_columns(self, row: Row) -> Row:
        """The row with its columns under the names that Hone knows, and placeholders filled in.

        Raises Unusable when it lacks a column that the column mapping uses, or an answer by whom it names.
        """
        value = self._columns.apply(row.value)
        if self._columns.assistants:
            value, left_out = with_assistant(value, self._columns.assistants)
            self.left_out_messages += left_out
        if self._text_only and (text_alone := leave_out_media(value)) != value:
            value = text_alone
            self.rows_in_part += 1
        if self._texts:
            value = fill_placeholders(value, self._texts)
        return row if value is row.value else Row(row.line, value, row.value)

    def parse(self, row: Row) -> ParsedRow:
        """What a row that map_columns() returned stands for. Raises Unusable when nothing can be learned from it."""
        examples, remarks = self.format.parse(row)
        texts = [example_texts(example) for example in examples]
        for example, own_texts in zip(examples, texts, strict=True):
            remarks += checks.example_remarks(example, own_texts)
            remarks += odd_texts.odd_remarks(example, own_texts)
        remarks += score_remarks(row.unmapped or row.value, self._columns.answers)
        columns = self.format.columns if len(self.format.shapes) == 1 else row.value
        if examples:
            remarks += odd_texts.empty_word_remarks(row.value, columns, examples[0])
        system = find_column(row.value, names_of.SYSTEM)
        if system in columns:
            remarks += odd_texts.lost_system_remarks(row.value, system, texts)
        remarks += checks.same_key_remarks(map(row.value.get, columns), texts)
        return ParsedRow(examples, texts, remarks)
