"""Multiple choice: a question with a list of choices, and which of them is right."""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.data.format import column_names as names_of
from core.data.format.example import Message, Unusable
from core.data.format.message_content import is_null
from core.data.format.shapes.choice_columns import find_layout
from core.data.format.shapes.common import Shape, Values, column_value, find_column, require_columns
from core.data.format.shapes.prompts import BESIDE, as_messages, read_prompt
from core.data.read.json_value import repair_json
from core.text.sentence import say

NAME = say("Multiple choice")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LABELLED = re.compile(r"\(?([A-Z])\s?[).:]\s*")  # a choice that begins with its letter, as in "A) 21"

_LABEL_KEYS, _TEXT_KEYS = ("label", "key", "id", "letter"), ("text", "value", "content", "option")


def counted_from(shape: Shape, first: int) -> Shape:
    """The shape of rows whose right choice is named by its number, of which this is the first."""
    build: Any = shape.build
    note = say("The right choices are numbers, counted from {first}.", first=first)
    return replace(shape, build=functools.partial(build.func, first), note=note)


@dataclass(frozen=True)
class Choices:
    """Choices with their labels, and the number of the right one."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]
    right: int

    @property
    def listing(self) -> str:
        """A line for each choice."""
        return "\n".join(f"{label}. {text}" for label, text in zip(self.labels, self.texts, strict=True))

    @property
    def answer(self) -> str:
        """The right choice as it stands in the listing."""
        return f"{self.labels[self.right]}. {self.texts[self.right]}"


_match_choices = require_columns(names_of.QUESTION, names_of.CHOICES, names_of.CORRECT_CHOICE, extra=BESIDE)


def match_columns(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row with a question, choices, and which is right."""
    layout = find_layout(value)
    if layout is not None:
        beside = dict.fromkeys(find_column(value, names) for names in BESIDE)
        used = (layout.question, *layout.choices, layout.right)
        return (*used, *(column for column in beside if column and column not in used))
    if not _read_list(value)[1]:
        return ()
    return _match_choices(value)


def read_question(value: Values, first: int = 0) -> tuple[tuple[Message, ...], Choices]:
    """(the prompt, whose last message lists the choices; the choices).

    `first` is the number of the first choice in a list, where the right one is named by its number. Raises Unusable.
    """
    layout = find_layout(value)
    choices = _read_choices(value, first)
    question_names = names_of.QUESTION if layout is None else (layout.question,)
    *before, question = as_messages(read_prompt(value, question_names))
    return (*before, {**question, "content": f"{question['content']}\n\n{choices.listing}"}), choices


def first_number(rows: Iterable[Values]) -> int | None:
    """From where on rows count the choices of their lists: 1 where the last choice is named by how many there are, and
    none by 0; None where no number names one."""
    highest = None
    for value in rows:
        labels, texts = ((), ()) if find_layout(value) else _read_list(value)
        number = _number_of(value.get(find_column(value, names_of.CORRECT_CHOICE)), (*labels, *texts))
        if not texts or number is None:
            continue
        if number == 0:
            return 0
        highest = 1 if number == len(texts) else highest or 0
    return highest


def _number_of(right: Any, names: tuple[str, ...]) -> int | None:
    """The number that names the right choice; None where it is its label or its text."""
    if isinstance(right, list) and len(right) == 1:
        (right,) = right
    if isinstance(right, bool) or not isinstance(right, int | float | str) or is_null(right):
        return None
    name = str(right).strip().removesuffix(".0")
    is_name = isinstance(right, str) and name in names
    return int(name) if name.isascii() and name.isdigit() and len(name) < 4 and not is_name else None


def _read_choices(value: Values, first: int) -> Choices:
    """The choices of a row, wherever they stand. Raises Unusable."""
    layout = find_layout(value)
    if layout is None:
        labels, texts = _read_list(value)
        return _choose(labels, texts, find_column(value, names_of.CORRECT_CHOICE), value, first)
    columns = {column: value.get(column) for column in layout.choices}
    texts = tuple(str(v) for v in columns.values() if not is_null(v) and str(v).strip())
    if layout.first is None:  # the right one is a choice of its own, whose place must tell nothing
        right = "" if is_null(value[layout.right]) else str(value[layout.right])
        if not right.strip():
            raise Unusable("choice", say("{column} is empty.", column=layout.right))
        texts = tuple(sorted({*texts, right}))
        return Choices(_label(texts), texts, texts.index(right))
    return _choose(_label(texts), texts, layout.right, value, layout.first)


def _choose(labels: tuple[str, ...], texts: tuple[str, ...], column: str, value: Values, first: int) -> Choices:
    """The choices of which a column names the right one: by its number, counted from `first`, its label or its text.

    Raises Unusable.
    """
    right = value[column]
    if isinstance(right, list) and len(right) == 1:
        (right,) = right
    if isinstance(right, float) and right.is_integer():
        right = int(right)
    texts, name = tuple(text.strip() for text in texts), "" if is_null(right) else str(right).strip()
    plain = tuple(_LABELLED.sub("", text, count=1) for text in texts)
    if all(text.lstrip("(").startswith(label) for label, text in zip(labels, texts, strict=True)) and plain != texts:
        name = plain[texts.index(name)] if name in texts else name
        texts = plain
    number = int(name) - first if name.isascii() and name.isdigit() and len(name) < 4 else -1
    if isinstance(right, int) and not isinstance(right, bool) and 0 <= number < len(texts):
        return Choices(labels, texts, number)
    letter = name.strip("(). :").upper()
    for wanted, candidates in ((name, labels), (name, texts), (letter, labels)):
        if wanted in candidates:
            return Choices(labels, texts, candidates.index(wanted))
    if 0 <= number < len(texts):
        return Choices(labels, texts, number)
    raise Unusable("choice", say("{column} names none of the {count} choices.", column=column, count=len(texts)))


def _read_list(value: Values) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(labels, texts) of the choices in one column; two empty tuples where there is no list of them."""
    content: Any = column_value(value, names_of.CHOICES)
    labels: Any = None
    if isinstance(content, str) and content[:1] == "[":  # a list of texts, which a table holds as text
        repaired = repair_json(content)
        content = repaired[0] if repaired else content
    if isinstance(content, dict) and "text" in content:
        labels, texts = content.get("label"), content["text"]
    elif isinstance(content, dict) and all(len(key) == 1 for key in content):
        labels, texts = list(content), list(content.values())
    elif isinstance(content, list) and content and all(isinstance(choice, dict) for choice in content):
        labels, texts = ([_member(choice, names) for choice in content] for names in (_LABEL_KEYS, _TEXT_KEYS))
    else:
        texts = content
    if not isinstance(texts, list) or len(texts) < 2 or not all(isinstance(t, str | int | float) for t in texts):
        return (), ()
    if not isinstance(labels, list) or len(labels) != len(texts) or None in labels:
        labels = list(_label(texts))
    return tuple(str(label) for label in labels), tuple(str(text) for text in texts)


def _member(choice: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((choice[name] for name in names if name in choice), None)


def _label(texts: tuple[str, ...] | list[Any]) -> tuple[str, ...]:
    """Letters, or numbers from 1 where there are more choices than letters."""
    return tuple(_LETTERS[: len(texts)]) if len(texts) <= len(_LETTERS) else tuple(map(str, range(1, len(texts) + 1)))
