"""Names of columns, and of what lies inside them: "translation.en" is the text en in the object translation."""

import itertools
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from core.data.format.roles import role_of, speaker_of
from core.data.kinds import PAIRS, TEXT, UNPAIRED

_MISSING = object()
_DEEPEST = 4  # objects inside each other whose columns are named
_MOST_INSIDE = 50  # columns of one object that are named
_EXAMPLE = {  # how columns are mapped, where it cannot be told from the row which answer is the good one
    PAIRS: "prompt=COLUMN,chosen=COLUMN,rejected=COLUMN",
    UNPAIRED: "prompt=COLUMN,completion=COLUMN,label=COLUMN",
}
_LONG_ENOUGH = 40  # characters of a text that is no name, number or date
_ASKED = re.compile(
    r"question|prompt|instruction|query|problem|frage|aufgabe|pregunta|domanda|front\b|^q$", re.IGNORECASE
)
_ANSWERED = re.compile(
    r"answer|response|reply|completion|solution|output|antwort|l(?:ö|oe)sung|r[eé]ponse|respuesta|risposta|expected|back\b|^a$",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(r"[\w .\-+/()?!:']{1,40}")  # of a column that an example can name


def has_column(row: Mapping[str, Any], name: str) -> bool:
    """Whether the row has this column, or one with this name inside of others."""
    return name in row or _find(row, name) is not _MISSING


def column(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or of what lies inside of one; None where it is not there.

    Objects and lists that a table holds as text are looked into, and the members of a list have numbers from 0:
    "answers.text.0".
    """
    found = row[name] if name in row else _find(row, name)
    return None if found is _MISSING else found


def column_paths(row: Mapping[str, Any], depth: int = _DEEPEST) -> Iterator[str]:
    """The row's columns; in the place of one that holds an object, the columns inside of it."""
    for name, value in row.items():
        if isinstance(value, dict) and value and depth:
            yield from (f"{name}.{inner}" for inner in itertools.islice(column_paths(value, depth - 1), _MOST_INSIDE))
        else:
            yield name


def example_mapping(row: Mapping[str, Any], kind: str) -> str:
    """A value of --columns for a row as a person can copy it, of the columns that hold texts, or else of the first
    ones; "" where the row has too few, or names that would have to be written in another way."""
    if kind in _EXAMPLE:
        return _EXAMPLE[kind]
    names = [n for n in itertools.islice(column_paths(row), 4 * _MOST_INSIDE) if not isinstance(column(row, n), list)]
    roles: tuple[str, ...] = ("question", "answer")
    if len(names) == 1 == len(row):
        roles = ("text",) if kind == TEXT else ("question",)
    texts = [name for name in names if isinstance(value := column(row, name), str) and value.strip()]
    texts.sort(key=lambda name: -min(len(str(column(row, name))), _LONG_ENOUGH))  # names and numbers are short
    ordered = list(dict.fromkeys([*texts, *names]))
    chosen = sorted(ordered[: len(roles)], key=names.index)
    if len(roles) == 2:  # what a column is called says more than how long its texts are
        named = [name for name in names if name in texts] + [name for name in names if name not in texts]
        named = [name for name in named if not name.lower().endswith("_id")]
        asked, answered = (next((n for n in named if words.search(n)), "") for words in (_ASKED, _ANSWERED))
        others = [name for name in ordered if name not in (asked, answered)]
        if asked and answered and asked != answered:
            chosen = [asked, answered]
        elif (asked or answered) and others:
            chosen = [asked or others[0], others[0] if asked else answered]
        elif kind == TEXT and len(wordy := [name for name in texts if str(column(row, name)).count(" ") >= 2]) == 1:
            is_question = str(column(row, wordy[0])).rstrip().endswith("?")  # its answer may be a word or a number
            roles, chosen = (roles, chosen) if is_question else (("text",), wordy)
    if len(chosen) < len(roles) or not all(map(_PLAIN_NAME.fullmatch, chosen)):
        return ""
    return shlex.quote(",".join(f"{role}={name}" for role, name in zip(roles, chosen, strict=True)))


def find_messages(row: Mapping[str, Any], depth: int = 3) -> str:
    """The name of what holds a conversation with an answer inside of a row; "" where there is none."""
    for name, value in row.items():
        if isinstance(value, list) and len(value) > 1 and _is_conversation(value):
            return name
        if isinstance(value, dict) and depth and (inner := find_messages(value, depth - 1)):
            return f"{name}.{inner}"
    return ""


def _is_conversation(value: list[Any]) -> bool:
    """Whether a list holds messages, one of them an answer, or is of nothing but texts, which take turns."""
    if all(isinstance(item, str) for item in value):
        return any(" " in text.strip() for text in value)
    if not all(isinstance(item, dict) for item in value):
        return False
    roles = [role_of(speaker_of(item)) for item in value]
    return None not in roles and "assistant" in roles


def find_rows(row: Mapping[str, Any], depth: int = 2) -> str:
    """The name of what holds a list of objects in a row that is nothing else; "" where there is none."""
    for name, value in row.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return name
        if isinstance(value, dict) and depth and (inner := find_rows(value, depth - 1)):
            return f"{name}.{inner}"
    return ""


def _find(value: Any, name: str) -> Any:
    """What lies inside a value under a name with dots; names that hold dots themselves are tried as well."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return _MISSING
    if isinstance(value, list):
        value = {str(n): inner for n, inner in enumerate(value[:_MOST_INSIDE])}
    if not isinstance(value, Mapping):
        return _MISSING
    if name in value:
        return value[name]
    for dot in (match.start() for match in re.finditer(r"\.", name)):
        if name[:dot] in value:
            found = _find(value[name[:dot]], name[dot + 1 :])
            if found is not _MISSING:
                return found
    return _MISSING
