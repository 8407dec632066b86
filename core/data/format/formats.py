"""The format of a file, detected from many of its rows, and the examples that a row in this format stands for."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.data.format import column_names as names_of
from core.data.format.column_names import MESSAGES
from core.data.format.column_paths import column_paths, example_mapping, find_messages, find_rows
from core.data.format.example import Unusable
from core.data.format.shapes import SHAPES, Shape, choices
from core.data.format.shapes.common import ParseResult, find_column
from core.data.format.shapes.text import MARKED
from core.data.format.shapes.unpaired import RATINGS, has_mark_or_none, rating_of, ratings_up_to
from core.data.kinds import PAIRS, QUESTIONS, TEXT
from core.data.read.reader import Row
from core.text.sentence import Sentence, join, join_and, say, shorten

DETECTION_ROWS = 1000  # rows from which the format is detected
_MOST_NAMES = 8  # in a sentence
_LONGEST_NAME = 40  # characters, in a sentence
_CONVERSATIONS = ("messages", "conversations")  # names of columns that hold nothing else
_WHOLE = re.compile(r"-?\d{1,15}\.0")
_MEDIA = ("image", "images", "audio", "audios", "video", "videos")  # columns of what is no text
# Columns that stand beside a plain text and say what it is, or what is wanted of it.
_MARKS = {*names_of.LABEL, *names_of.ANSWER, "labels", "label_text", "class", "sentiment", "target", "code"}
_MORE = 1.5  # times as long as an answer that it holds: then another answer says more
_PLAIN_PATH = re.compile(r"[\w.-]{1,80}")  # of a column that can be named without quotes
_QUESTIONS = ("question", "input", "inputs", "query", "problem")  # columns that are missed beside a plain text
_WORDS_OF_CONTENT = 4  # words a row from which a column is taken for content


@dataclass(frozen=True)
class Format:
    """The shapes of the rows, the most frequent first; none when no row has a known one."""

    kind: str
    shapes: tuple[Shape, ...]
    columns: tuple[str, ...]  # those that the first shape uses
    rows: int
    all_columns: tuple[str, ...] = ()
    unread_content: tuple[str, ...] = ()  # columns that hold texts and that nothing reads
    whole_numbers: tuple[str, ...] = ()  # columns that are read and hold whole numbers written as 3.0, and empty cells
    column_paths: tuple[str, ...] = ()  # all of them, with what lies inside of objects in their place

    @property
    def name(self) -> str:
        return self.shapes[0].name if self.shapes else say("Unknown")

    @property
    def sentence(self) -> str:
        """The format as a sentence, such as "Alpaca, 1,000 rows: instruction, input and output."."""
        rows = say("1 row") if self.rows == 1 else say("{rows:,} rows", rows=self.rows)
        if not self.shapes:
            return say(
                "{rows} with columns that are not known: {columns}.",
                rows=rows,
                columns=join_names(self.all_columns),
            )
        columns = join_names(self.columns)
        parts: list[str] = [say("{format}, {rows}: {columns}.", format=self.name, rows=rows, columns=columns)]
        parts += [self.shapes[0].note] if self.shapes[0].note else []
        unread = [column for column in self.all_columns if column not in self.columns]
        if len(self.shapes) > 1:
            others = join_names([s.name for s in self.shapes[1:]])
            parts.append(say("Some rows are in another format: {others}.", others=others))
        elif unread:
            parts.append(say("Not read: {columns}.", columns=join_names(unread)))
        return join(parts)

    def parse(self, row: Row) -> ParseResult:
        """The examples that a row stands for, with remarks. Raises Unusable when nothing can be learned from it."""
        for shape in self.shapes:
            if shape.columns(row.value):
                return shape.build(row)
        # A file can change its format after the rows that were looked at.
        for shape in SHAPES[self.kind]:
            if shape.columns(row.value):
                return shape.build(row)
        column = find_column(row.value, MESSAGES)
        held = row.value[column] if column else []
        is_meant = column.strip().lower() in _CONVERSATIONS or str(held)[:1] in ("[", "{")
        if column and self.kind != PAIRS and not isinstance(held, list) and is_meant:
            raise Unusable("type", say("{column} is not a list of messages.", column=column))
        raise Unusable("columns", unknown_columns_message(row.value, self.kind))


def detect_format(rows: Iterable[Row], kind: str) -> Format:
    """The format of rows that are used as a kind of data (core.data.kinds)."""
    shape_counts: Counter[Shape] = Counter()
    column_counts: Counter[str] = Counter()
    all_columns: dict[str, None] = {}
    paths: dict[str, None] = {}
    rows = list(rows)
    for row in rows:
        all_columns.update(dict.fromkeys(row.value))
        paths.update(dict.fromkeys(column_paths(row.value)))
        for shape in SHAPES[kind]:
            if shape.columns(row.value):
                shape_counts[shape] += 1
                break
    shapes = tuple(shape for shape, _ in shape_counts.most_common())
    if RATINGS in shapes:
        shapes = (ratings_up_to(_highest_rating(rows)), *(shape for shape in shapes if shape != RATINGS))
    first = choices.first_number(row.value for row in rows) if any(s.name == choices.NAME for s in shapes) else None
    if first is not None:
        shapes = tuple(choices.counted_from(s, first) if s.name == choices.NAME else s for s in shapes)
    if kind == TEXT and MARKED in shapes:
        # A label may name a class; then it marks nothing. Where some rows have no mark, those with one keep theirs.
        others = tuple(shape for shape in shapes if shape != MARKED)
        shapes = (MARKED, *others) if all(has_mark_or_none(row.value) for row in rows) or not others else others
    if shapes:
        for row in rows:
            column_counts.update(shapes[0].columns(row.value))
    columns = tuple(c for c in all_columns if column_counts[c])
    unread = tuple(
        c for c in all_columns if len(shapes) == 1 and c not in columns and _is_missed(rows, c, columns, kind)
    )
    whole = tuple(c for c in columns if _are_whole_numbers([row.value.get(c) for row in rows]))
    return Format(kind, shapes, columns, len(rows), tuple(all_columns), unread, whole, tuple(paths))


def _highest_rating(rows: list[Row]) -> float:
    return max((rating for row in rows if (rating := rating_of(row.value)) is not None), default=0.0)


def _are_whole_numbers(cells: list[Any]) -> bool:
    """Whether cells are whole numbers written as 3.0, and some of them empty."""
    filled = [cell for cell in cells if cell is not None and cell != ""]
    if not filled or len(filled) == len(cells):
        return False
    return all(isinstance(cell, str | float) and _WHOLE.fullmatch(str(cell)) for cell in filled)


def _is_missed(rows: list[Row], column: str, used: tuple[str, ...], kind: str) -> bool:
    """Whether a column that is not read says something that a person may count on."""
    name = column.strip().lower()
    is_plain_text = len(used) == 1 and used[0].strip().lower() in names_of.TEXT
    is_thinking = kind != QUESTIONS and name in names_of.THINKING
    is_question = name in (*names_of.PROMPT, *names_of.INSTRUCTION, *_QUESTIONS)
    is_beside = is_plain_text and (is_question or name in _MARKS)
    if name in _MEDIA or name in names_of.CHOICES or is_thinking or is_beside:
        return any(row.value.get(column) not in (None, "", [], {}) for row in rows)
    return _holds_content(rows, column, used)


def _holds_content(rows: list[Row], column: str, used: tuple[str, ...]) -> bool:
    """Whether a column holds texts of some words in most rows, other than a copy of what is used."""
    texts = [text for row in rows if (text := _as_text(row.value.get(column))).strip()]
    if 2 * len(texts) <= len(rows) or (len(set(texts)) == 1 and len(texts) > 4):
        return False
    words = sum(min(len(text.split()), 50) for text in texts) / len(texts)
    if words < _WORDS_OF_CONTENT:
        return False
    copies = sum(any(_is_copy(row, column, c) for c in used) for row in rows)
    return 2 * copies < len(rows)


def _is_copy(row: Row, column: str, used: str) -> bool:
    """Whether a column holds what another one does, with little beside it where both are answers."""
    text, copied = str(row.value.get(column)), row.value.get(used)
    if not isinstance(copied, str) or not copied.strip() or copied.strip() not in text:
        return False
    are_answers = all(c.strip().lower() in names_of.ANSWER for c in (column, used))
    return not are_answers or len(text) < _MORE * len(copied)


def _as_text(value: Any) -> str:
    """A text, or the texts of a list; "" for anything else."""
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        return "\n".join(value)
    return value if isinstance(value, str) else ""


def unknown_columns_message(row: Mapping[str, Any], kind: str) -> str:
    """The sentence for a row whose columns no shape of this kind of data knows."""
    expected = join((shape.expected for shape in SHAPES[kind] if shape.expected), say(", or "))
    if not row:
        return say("The row has no columns; expected are {expected}.", expected=expected)
    columns = join_names(row)
    if len(row) > 1:
        unknown = say("The columns {columns} are not known; expected {expected}", columns=columns, expected=expected)
    else:
        unknown = say("The column {columns} is not known; expected {expected}", columns=columns, expected=expected)
    if kind == TEXT and (inside := find_messages(row)) and _PLAIN_PATH.fullmatch(inside):
        advice = say("; or map the conversation: --columns messages={column}.", column=inside)
        return unknown + advice
    nested = find_rows(row)
    if nested and nested.lower() not in MESSAGES:
        advice = say("; if the rows lie in {column}, save that list as a file of its own.", column=nested)
        return unknown + advice
    if any(map(_looks_like_content, row)):
        advice = say("; they look like content: put a line with names, such as question and answer, above them.")
        return unknown + advice
    example = example_mapping(row, kind)
    return unknown + (say("; or map them: --columns {example}.", example=example) if example else ".")


def _looks_like_content(name: str) -> bool:
    """Whether the name of a column is a sentence, as where a table has no line with names."""
    return name.rstrip().endswith(("?", ".", "!")) and name.strip().count(" ") >= 4


def join_names(names: Iterable[Any]) -> str:
    """The names as in "a, b and c"; "none" where there are none, "others" for those beyond _MOST_NAMES."""
    words = [_short_name(name) for name in itertools.islice(names, _MOST_NAMES + 1)]
    if len(words) > _MOST_NAMES:
        words[-1] = say("others")
    return join_and(words) or say("none")


def _short_name(name: Any) -> str:
    return name if isinstance(name, Sentence) else shorten(str(name), _LONGEST_NAME).strip()
