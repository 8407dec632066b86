"""Tables that are written as one JSON object, as by pandas' `to_json` in each of its orients, or as lists by column;
and answers by their questions."""

import re
from typing import Any

_IS_KEY = re.compile(r"-[\w-]{4,}|[0-9a-f]{8,}(?:-[0-9a-f-]+)?")  # of Firebase, or a hash or UUID

Rows = list[dict[str, Any]]
_CONVERSATIONS = ("messages", "conversation", "conversations", "dialog", "dialogue", "turns")
_SPLIT = ({"columns", "data"}, {"columns", "index", "data"})  # orient="split"


def rows_of_table(value: dict[str, Any]) -> Rows | None:
    """The rows of such an object; None where it is something else."""
    if value.keys() in _SPLIT:
        return _split_rows(value["columns"], value["data"])
    columns = list(value.values())
    if len(columns) < 2:
        return None
    if all(isinstance(answer, str) for answer in columns) and all(key.rstrip().endswith("?") for key in value):
        return [{"question": question, "answer": answer} for question, answer in value.items()]
    if all(isinstance(column, dict) and column and column.keys() == columns[0].keys() for column in columns):
        if _are_numbers(columns[0]):  # orient="columns", which is the default
            return [{name: column[number] for name, column in value.items()} for number in columns[0]]
        is_index = _are_numbers(value) or all(map(_IS_KEY.fullmatch, value))
        return columns if is_index else None  # orient="index"
    if not all(isinstance(column, list) and len(column) == len(columns[0]) > 1 for column in columns):
        return None
    if any(isinstance(cell, dict | list) for column in columns for cell in column):
        return None
    if any(name.lower() in _CONVERSATIONS for name in value):  # with a mark for each of its texts
        return None
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _split_rows(names: Any, data: Any) -> Rows | None:
    if not (isinstance(names, list) and isinstance(data, list) and all(isinstance(name, str) for name in names)):
        return None
    if not data or not all(isinstance(cells, list) and len(cells) == len(names) for cells in data):
        return None
    return [dict(zip(names, cells, strict=True)) for cells in data]


def _are_numbers(keys: dict[str, Any]) -> bool:
    return all(key.isdecimal() for key in keys)
