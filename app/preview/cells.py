"""The columns and cells of the table of rows, by the kind of data; the file's own columns where they are not known."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from app.desktop.language import tr
from app.preview.row_parts import LEFT_OUT_LABEL, label_text, row_parts, to_text
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED

if TYPE_CHECKING:  # brings in NumPy
    from core.data.format.example import Example
    from core.data.format.formats import Format
    from core.data.preview.page import PreviewRow

_MAX_RAW_COLUMNS = 6  # columns of a file that are shown where its format is not known


class Column(NamedTuple):
    """A column of the table: its heading, and the function that makes a row's cell, by which rows are sorted."""

    heading: str
    cell: "Callable[[PreviewRow], str | int]"


def table_columns(kind: str, form: "Format") -> list[Column]:
    """The table's columns for rows of a kind in a format: the line first, the length in characters last."""
    line = Column(tr("Line"), lambda item: item.row.line)
    length = Column(tr("Length"), _count_characters)
    if not form.shapes:
        return [line, *(Column(name, _raw_cell(name)) for name in form.all_columns[:_MAX_RAW_COLUMNS]), length]
    if kind == TEXT and all(shape.name == "Plain text" for shape in form.shapes):
        return [line, Column(tr("Text to learn"), _example_cell(answer_text)), length]
    prompt = Column(tr("Asked"), _example_cell(question_text))
    middle = {
        TEXT: [prompt, Column(tr("Answer to learn"), _example_cell(answer_text))],
        PAIRS: [
            prompt,
            Column(tr("Better"), _example_cell(lambda example: message_text(example.chosen))),
            Column(tr("Worse"), _example_cell(lambda example: message_text(example.rejected))),
        ],
        UNPAIRED: [
            prompt,
            Column(tr("Answer"), _example_cell(answer_text)),
            Column(tr("Mark"), _example_cell(label_text)),
        ],
        QUESTIONS: [prompt, Column(tr("Right answer"), _example_cell(lambda example: example.answer or ""))],
    }
    return [line, *middle[kind], length]


def question_text(example: "Example") -> str:
    """The last message before the answer; "" for plain text."""
    if example.messages:
        turns = [m for m in example.messages if m["role"] != "assistant"]
        return str(turns[-1].get("content") or "") if turns else ""
    return example.prompt or ""


def answer_text(example: "Example") -> str:
    """The answer that is learned; plain text as a whole."""
    if example.messages:
        return message_text(example.messages)
    return example.completion or example.text or ""


def message_text(answer: Any) -> str:
    """The text of an answer: a text, or the last one of several messages."""
    if isinstance(answer, tuple):
        message = answer[-1]
        return str(message.get("content") or to_text(message.get("tool_calls") or ""))
    return str(answer or "")


def _example_cell(text_of: "Callable[[Example], str]") -> "Callable[[PreviewRow], str]":
    """Joins the text of each example that a row makes, without repetitions."""
    return lambda item: " / ".join(dict.fromkeys(map(text_of, item.examples)))


def _raw_cell(name: str) -> "Callable[[PreviewRow], str]":
    """Reads the cell of a column of the file itself."""
    return lambda item: to_text(item.row.value.get(name, ""))


def _count_characters(item: "PreviewRow") -> int:
    return sum(len(part.text) for part in row_parts(item) if part.name != LEFT_OUT_LABEL)
