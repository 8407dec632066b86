"""Columns under the names that Hone knows: a person's own names, or texts made from several columns."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Unusable
from core.errors import BadOption

# What a column can be mapped to.
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
_COLUMN = re.compile(r"\{([^{}]+)\}")
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][\w .-]{0,40}?)\s*\}\}")


@dataclass(frozen=True)
class Columns:
    """(role, column or text with {column}) for each column that is to be used; empty to take them as they are."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Columns":
        """From entries such as "question=frage" and "answer={number} {unit}". Raises BadOption."""
        pairs = tuple(_pair(entry, "columns", "question=column") for entry in entries)
        for role, _ in pairs:
            if role not in ROLES:
                raise BadOption(f"columns: there is no {role!r} to map a column to; there are {', '.join(ROLES)}.")
        return cls(pairs)

    def apply(self, value: dict[str, Any]) -> dict[str, Any]:
        """The row under the known names. Raises Unusable when a column is not there."""
        if not self.pairs:
            return value
        return {role: _filled(pattern, value) for role, pattern in self.pairs}


def parse_fill(entries: Iterable[str]) -> dict[str, str]:
    """What to put in the place of placeholders, from entries such as "name=Hone". Raises BadOption."""
    return dict(_pair(entry, "fill", "name=text") for entry in entries)


def fill(value: Any, texts: dict[str, str]) -> Any:
    """The value with {{name}} replaced in every text, where a text for the name is given."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda m: texts.get(m.group(1), m.group(0)), value) if "{{" in value else value
    if isinstance(value, list):
        return [fill(v, texts) for v in value]
    if isinstance(value, dict):
        return {k: fill(v, texts) for k, v in value.items()}
    return value


def placeholder(text: str) -> str:
    """The first {{name}} in a text, or ""."""
    found = _PLACEHOLDER.search(text) if "{{" in text else None
    return found.group(0) if found else ""


def placeholder_name(text: str) -> str:
    """The name within the first {{name}} in a text, or ""."""
    found = _PLACEHOLDER.search(text)
    return found.group(1) if found else ""


def _pair(entry: str, option: str, example: str) -> tuple[str, str]:
    name, equals, text = entry.partition("=")
    if not equals or not name.strip() or not text:
        raise BadOption(f"{option}: {entry!r} is not of the form {example}.")
    return name.strip(), text


def _filled(pattern: str, value: dict[str, Any]) -> Any:
    if pattern in value:
        return value[pattern]
    names = _COLUMN.findall(pattern)
    missing = next((name for name in names if name not in value), None if names else pattern)
    if missing is not None:
        raise Unusable("column", f"There is no column {missing}.")
    return _COLUMN.sub(lambda m: "" if value[m.group(1)] is None else str(value[m.group(1)]), pattern)
