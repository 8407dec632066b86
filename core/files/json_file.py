"""JSON files of model and adapter folders, which come from strangers: read within bounds."""

import functools
import json
from pathlib import Path
from typing import Any

from core.errors import BadModel
from core.text.sentence import say

LARGEST = 32 << 20  # bytes; the largest config.json and index that are in use take less than a tenth
LONGEST_NUMBER = 19  # digits: nothing counts more than 64 bits hold


def read_json(path: Path, largest: int = LARGEST, longest_number: int = LONGEST_NUMBER) -> dict[str, Any]:
    """The JSON object in a file. Raises BadModel where it is something else or too large, FileNotFoundError where
    there is none."""
    try:
        if not path.is_file() and path.exists():
            raise BadModel(say("{path} is no file.", path=path))
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character
        raise BadModel(say("{path} cannot be read: {reason}.", path=path, reason=error)) from None
    if len(content) > largest:
        raise BadModel(
            say("{path} cannot be read as JSON: it is larger than {largest} MB.", path=path, largest=largest >> 20)
        )
    return parse_object(content, path, longest_number)


def parse_object(content: bytes, path: Path, longest_number: int = LONGEST_NUMBER) -> dict[str, Any]:
    """The JSON object that `content`, read from `path`, holds. Raises BadModel where it is something else."""
    refuse_pointer(content, path)
    try:
        value = json.loads(content.decode("utf-8"), parse_int=functools.partial(_parse_int, longest_number))
    except (ValueError, RecursionError) as error:
        raise BadModel(say("{path} cannot be read as JSON: {reason}.", path=path, reason=error)) from None
    if not isinstance(value, dict):
        raise BadModel(say("{path} does not hold a JSON object.", path=path))
    return value


def refuse_pointer(content: bytes, path: Path) -> None:
    """Raises BadModel where `content`, read from the beginning of `path`, is what Git LFS puts in a file's place."""
    if content.startswith(b"version https://git-lfs"):
        raise BadModel(
            say(
                "{path} is a Git LFS pointer, not the file itself: fetch it with `git lfs pull`, or download it.",
                path=path,
            )
        )


def _parse_int(longest: int, digits: str) -> int:
    if len(digits) > longest:
        raise ValueError(f"the number {digits[:19]}… is too long")
    return int(digits)
