"""Multiple choice: a question with a list of choices, and which of them is right."""

from dataclasses import dataclass
from typing import Any

from core.data.format import column_names as names_of
from core.data.format.conversation import is_null
from core.data.format.example import Message, Unusable
from core.data.format.shapes.common import Values, column_value, find_column, require_columns
from core.data.format.shapes.prompts import BESIDE, as_messages, read_prompt

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


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


def match_columns(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row with a question, choices, and which is right."""
    if not _read_texts(value)[1]:
        return ()
    return require_columns(names_of.QUESTION, names_of.CHOICES, names_of.CORRECT_CHOICE, extra=BESIDE)(value)


def read_choices(value: Values) -> Choices:
    """The choices of a row; the right one is named by its number from 0, its label or its text. Raises Unusable."""
    labels, texts = _read_texts(value)
    column = find_column(value, names_of.CORRECT_CHOICE)
    right = value[column]
    if isinstance(right, int) and not isinstance(right, bool) and 0 <= right < len(texts):
        return Choices(labels, texts, right)
    name = "" if is_null(right) else str(right).strip()
    for candidates in (labels, texts):
        if name in candidates:
            return Choices(labels, texts, candidates.index(name))
    if name.isdigit() and int(name) < len(texts):
        return Choices(labels, texts, int(name))
    raise Unusable("choice", f"{column} names none of the {len(texts)} choices.")


def read_question(value: Values) -> tuple[tuple[Message, ...], Choices]:
    """(the prompt, whose last message lists the choices; the choices). Raises Unusable."""
    choices = read_choices(value)
    *before, question = as_messages(read_prompt(value, names_of.QUESTION))
    return (*before, {**question, "content": f"{question['content']}\n\n{choices.listing}"}), choices


def _read_texts(value: Values) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(labels, texts) of the choices; two empty tuples where there is no list of them."""
    content: Any = column_value(value, names_of.CHOICES)
    labels = content.get("label") if isinstance(content, dict) else None
    texts = content.get("text") if isinstance(content, dict) else content
    if not isinstance(texts, list) or len(texts) < 2 or not all(isinstance(t, str | int | float) for t in texts):
        return (), ()
    if not isinstance(labels, list) or len(labels) != len(texts):
        labels = list(_LETTERS[: len(texts)]) if len(texts) <= len(_LETTERS) else list(range(1, len(texts) + 1))
    return tuple(str(label) for label in labels), tuple(str(text) for text in texts)
