"""Column mapping: a file's own columns, or texts made from several of them, under the names that Hone knows."""

import itertools
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.data.format.column_paths import column, column_paths, has_column
from core.data.format.example import Unusable
from core.errors import BadOption
from core.text.sentence import say

# The names that a column can be mapped to.
ROLES = (
    "messages",
    "system",
    "instruction",
    "input",
    "output",
    "prompt",
    "completion",
    "question",
    "answer",
    "thinking",
    "text",
    "chosen",
    "rejected",
    "label",
    "tools",
)
ASSISTANT = "assistant"  # a speaker in messages is mapped to this, not a column
_MOST_NAMES = 8  # of columns, in a sentence
_COLUMN = re.compile(r"\{([^{}]+)\}")
_COMPARISON = re.compile(r"(.+?)\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)\s*")  # what makes a mark of a number
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w .-]{0,40}?)\s*\}\}")


@dataclass(frozen=True)
class ColumnMap:
    """(role, column or text with {column}) for each role; empty to use columns under their own names. A column may lie
    inside of another: "translation.en". A label may be a comparison: "stars>=4".

    assistants   names of those who speak as the assistant in the messages, from entries such as "assistant=Anna"
    """

    pairs: tuple[tuple[str, str], ...] = ()
    assistants: tuple[str, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "ColumnMap":
        """The mapping that entries such as "question=frage" and "answer={number} {unit}" describe. Raises BadOption."""
        pairs = tuple(_split_entry(entry, "columns", "question=column") for entry in entries)
        for role, _ in pairs:
            if role not in (*ROLES, ASSISTANT):
                raise BadOption(
                    say(
                        "columns: there is no {role!r} to map a column to; there are {roles}.",
                        role=role,
                        roles=", ".join((*ROLES, ASSISTANT)),
                    )
                )
        columns = tuple(pair for pair in pairs if pair[0] != ASSISTANT)
        return cls(columns, tuple(name for role, name in pairs if role == ASSISTANT))

    @property
    def answers(self) -> tuple[str, str] | None:
        """The columns of the chosen and of the rejected answer; None where they are not mapped."""
        columns = dict(self.pairs)
        chosen, rejected = columns.get("chosen", ""), columns.get("rejected", "")
        return (chosen, rejected) if chosen and rejected else None

    def apply(self, value: dict[str, Any]) -> dict[str, Any]:
        """A row's values by role. Raises Unusable when a column is not there."""
        if not self.pairs:
            return value
        return {
            role: _read_label(pattern, value) if role == "label" else _fill_pattern(pattern, value)
            for role, pattern in self.pairs
        }


def parse_fill_in(entries: Iterable[str]) -> dict[str, str]:
    """The texts that replace placeholders, by name, from entries such as "name=Hone". Raises BadOption."""
    return dict(_split_entry(entry, "fill", "name=text") for entry in entries)


def fill_placeholders(value: Any, texts: dict[str, str]) -> Any:
    """The value with {{name}} replaced in every text it holds, where `texts` has a text for the name."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda m: texts.get(m.group(1), m.group(0)), value) if "{{" in value else value
    if isinstance(value, list):
        return [fill_placeholders(v, texts) for v in value]
    if isinstance(value, dict):
        return {k: fill_placeholders(v, texts) for k, v in value.items()}
    return value


def find_placeholder(text: str) -> str:
    """The first {{name}} in a text, or ""."""
    match = _PLACEHOLDER.search(text) if "{{" in text else None
    return match.group(0) if match else ""


def placeholder_name(text: str) -> str:
    """The name within the first {{name}} in a text, or ""."""
    match = _PLACEHOLDER.search(text)
    return match.group(1) if match else ""


def _split_entry(entry: str, option: str, example: str) -> tuple[str, str]:
    name, equals, text = entry.partition("=")
    if not equals or not name.strip() or not text:
        raise BadOption(
            say(
                "{option}: {entry!r} is not of the form {example}; a text with a comma stands in quotes.",
                option=option,
                entry=entry,
                example=example,
            )
        )
    return name.strip(), text


def _read_label(pattern: str, row: dict[str, Any]) -> Any:
    """The value of a label; for a comparison such as "stars>=4" whether it holds, None where there is no number.

    Raises Unusable.
    """
    comparison = _COMPARISON.fullmatch(pattern)
    if comparison is None:
        return _fill_pattern(pattern, row)
    name, sign, limit = comparison.groups()
    number = _fill_pattern(name, row)
    try:
        number = float(number.replace(",", ".") if isinstance(number, str) else number)
    except (TypeError, ValueError, OverflowError):
        return None
    return bool(_SIGNS[sign](number, float(limit)))


def _fill_pattern(pattern: str, row: dict[str, Any]) -> Any:
    if has_column(row, pattern):
        return column(row, pattern)
    names = _COLUMN.findall(pattern)
    missing = next((name for name in names if not has_column(row, name)), None if names else pattern)
    if missing is not None:
        own = [str(name) for name in itertools.islice(column_paths(row), _MOST_NAMES + 1)]
        own = own[:_MOST_NAMES] + ["others"] * (len(own) > _MOST_NAMES)
        raise Unusable(
            "column",
            say(
                "There is no column {column}; the row has {columns}.",
                column=missing,
                columns=", ".join(own) or say("none"),
            ),
        )
    return _COLUMN.sub(lambda m: "" if column(row, m.group(1)) is None else str(column(row, m.group(1))), pattern)
