"""Columns of classes, as `datasets` writes them: numbers in the rows, and their names in the metadata of the file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

METADATA_KEY = b"huggingface"  # under which a Parquet or Arrow file describes its columns
Names = Mapping[str, Sequence[str]]  # of the classes in turn, by the name of the column


def class_names(metadata: bytes | None) -> Names:
    """The names of the classes that a file's metadata gives to its columns."""
    try:
        features = json.loads(metadata or b"{}")["info"]["features"]
        described = [(column, feature["names"]) for column, feature in features.items() if _is_class(feature)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {column: names for column, names in described if all(isinstance(name, str) for name in names)}


def with_names(values: dict[str, Any], names: Names) -> dict[str, Any]:
    """A row with the names of classes in the place of their numbers; -1 stands for no class."""
    if not names:
        return values
    return {column: _name(value, names.get(column)) for column, value in values.items()}


def _is_class(feature: Any) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)


def _name(value: Any, names: Sequence[str] | None) -> Any:
    if names is None or not isinstance(value, int) or isinstance(value, bool):
        return value
    return names[value] if 0 <= value < len(names) else None
