"""One JSON value of a data file: decoded, repaired where that is safe, and kept from taking more memory than it may."""

import ast
import json
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from core.data.read.source import Piece, Problem
from core.text.reasons import json_reason
from core.text.sentence import Sentence, say, shorten

MAX_VALUE_LENGTH = 1 << 26  # characters; a value that is longer is left out
LONGEST_REPAIR = 1 << 20  # characters: Python takes hundreds of bytes for each character that it parses
_LONGEST_KEY = 60  # characters, in a sentence
_MOST_BYTES = 1 << 29  # that the objects of one value may take
_DEEPEST = 200  # lists and objects inside each other
# A text, closed or not, or a comma too many. Nothing is tried twice, so the time grows with the length alone.
_TRAILING_COMMA = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))|,(?=\s*+[}\]])', re.DOTALL)
_COMMENT = re.compile(r"(\{.*\})\s*,?\s*(?://|#)[^{}\"]*", re.DOTALL)  # an object with a comment behind it
_COMMA, _COMMENT_BEHIND = say("a comma too many"), say("a comment behind it")  # what is repaired
_CONTROL = say("a tab or another control character in a text")
_CODES = {_COMMA: "trailing-comma", _COMMENT_BEHIND: "comment", _CONTROL: "control-character"}
_NUMPY_ARRAY = re.compile(r"\barray\((\[[^()]*\])(?:,\s*dtype=[\w.<>]+)?\)")
_NUMPY_LINE = re.compile(r"\}\n\s*\{")
_BETWEEN = re.compile(r"[\s,]*")  # objects on one line
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # how half a character is escaped; decoded text never holds one


def _parse_constant(name: str) -> float | None:
    """NaN, which stands for an empty cell, is null."""
    return None if name == "NaN" else float(name)


class _SameKey(Exception):
    """A key stands twice in one object: its only argument."""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _SameKey(_first_repeated(key for key, _ in pairs))
    return made


def _first_repeated(keys: Iterable[Any]) -> Any:
    """The first of the keys that was met before; None where there is none."""
    seen: set[Any] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None


_DECODER = json.JSONDecoder(parse_constant=_parse_constant)
_LENIENT = json.JSONDecoder(parse_constant=_parse_constant, strict=False)
_UNIQUE_DECODER = json.JSONDecoder(parse_constant=_parse_constant, object_pairs_hook=_unique_keys)


def repair_json(text: str) -> tuple[Any, Sentence, str | None] | None:
    """(value, what was wrong, a key that stands twice) of text that is nearly JSON: with trailing commas, or as Python
    writes a dict or a list. None where it is neither, or too long to try."""
    if len(text) > LONGEST_REPAIR:
        return None
    try:
        without_commas = _TRAILING_COMMA.sub(lambda m: m.group(1) or "", text)
        value, same_key = _decode(without_commas)
        return value, _COMMA, same_key
    except (ValueError, RecursionError):
        pass
    try:
        return _LENIENT.decode(without_commas), _CONTROL, None  # a key that stands twice is of no weight then
    except (ValueError, RecursionError):
        pass
    try:
        if comment := _COMMENT.fullmatch(without_commas):
            value, same_key = _decode(comment[1])
            return value, _COMMENT_BEHIND, same_key
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes such as \\d in the text
            tree = ast.parse(_without_numpy(text.strip().rstrip(",")), mode="eval")
        value = ast.literal_eval(tree)
        value = _DECODER.decode(json.dumps(value))  # sets, bytes and complex numbers are no data; keys become text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    objects = (node.keys for node in ast.walk(tree) if isinstance(node, ast.Dict))
    repeated = (_first_repeated(str(k.value) for k in keys if isinstance(k, ast.Constant)) for keys in objects)
    return value, say("single quotes, as Python writes them"), next((key for key in repeated if key is not None), None)


def _without_numpy(text: str) -> str:
    """A list as Python writes it, of what NumPy makes of one: array([…], dtype=object), no commas between lines."""
    return _NUMPY_LINE.sub("},\n{", _NUMPY_ARRAY.sub(r"\1", text))


def _decode(text: str) -> tuple[Any, str | None]:
    """(value, a key that stands twice in one of its objects; None where each stands once)."""
    try:
        if text.startswith("{") and text.endswith("}"):  # nearly every row: no white space to look for
            value, end = _UNIQUE_DECODER.raw_decode(text)
            if end == len(text):
                return value, None
        return _UNIQUE_DECODER.decode(text), None
    except _SameKey as same_key:
        return _DECODER.decode(text), same_key.args[0]


def decode_from(text: str, start: int) -> tuple[Any, int, str | None]:
    """(the value that begins at `start`, where it ends, a key that stands twice in one of its objects or None).

    Raises ValueError or RecursionError; see decoding_problem().
    """
    try:
        return *_UNIQUE_DECODER.raw_decode(text, start), None
    except _SameKey as same_key:
        return *_DECODER.raw_decode(text, start), same_key.args[0]


def repeated_key(text: str) -> str | None:
    """A key that stands twice in one object of a JSON text, or of what repair_json() makes of it; None where there is
    none."""
    try:
        return _decode(text)[1]
    except (ValueError, RecursionError):
        repaired = repair_json(text)
        return repaired[2] if repaired else None


def _joined_objects(text: str) -> list[Any]:
    """The objects of a line that holds several, one after the other; none where it holds anything else."""
    if len(text) > LONGEST_REPAIR or not text.lstrip().startswith("{"):
        return []
    values: list[Any] = []
    position = _skip_between(text, 0)
    while position < len(text):
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return []
        if not isinstance(value, dict):
            return []
        values.append(value)
        position = _skip_between(text, position)
    return values if len(values) > 1 else []


def _skip_between(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def same_key_problems(key: str | None, line: int) -> tuple[Problem, ...]:
    if key is None:
        return ()
    message = say(
        "The key {key} stands twice in one object.", key=json.dumps(shorten(key, _LONGEST_KEY), ensure_ascii=False)
    )
    return (Problem("same-key", "warning", line, message, say("The last one is read; give each a name of its own.")),)


def parse_value(text: str, line: int) -> Iterable[Piece]:
    """The value of one piece of text, repaired where that is safe, or what is wrong with it."""
    if is_too_large(text):
        return (too_long(line),)
    try:
        value, same_key = _decode(text)
    except (ValueError, RecursionError) as error:
        problem, may_be_repaired = decoding_problem(text, line, error), isinstance(error, json.JSONDecodeError)
    else:
        pieces = checked_value(value, text, line)
        return pieces if same_key is None else (*same_key_problems(same_key, line), *pieces)
    return _repaired_value(text, line, problem, may_be_repaired)


def _repaired_value(text: str, line: int, problem: Problem, may_be_repaired: bool) -> Iterator[Piece]:
    """The value of text that could not be decoded, or the problem where it cannot be repaired."""
    joined = _joined_objects(text) if may_be_repaired else []
    if joined:
        yield Problem("joined", "note", line, say("Several objects stand on this line."), say("Each is read as a row."))
        for value in joined:
            yield from checked_value(value, text, line)
        return
    repaired = repair_json(text) if may_be_repaired else None
    if repaired is None:
        yield problem
        return
    value, mistake, same_key = repaired
    code = _CODES.get(mistake, "single-quotes")
    yield Problem(code, "warning", line, say("The JSON has {mistake}.", mistake=mistake), say("It is read as meant."))
    yield from same_key_problems(same_key, line)
    yield from checked_value(value, text, line)


def too_long(line: int) -> Problem:
    fix = say("Save what it holds in several files, such as one for each chat, or as JSON Lines.")
    return Problem("long-line", "error", line, say("This value is too long to be a row."), fix)


def _too_deep(line: int) -> Problem:
    return Problem("json", "error", line, say("The JSON is nested too deeply."))


def is_too_large(text: str) -> bool:
    """Whether the objects of a value could take too much memory, from what opens and separates them."""
    if len(text) < 1 << 21:
        return False
    size = 260 * text.count("{") + 80 * text.count("[") + 60 * text.count(",")
    return len(text) > MAX_VALUE_LENGTH or sys.getsizeof(text) > 2 * MAX_VALUE_LENGTH or size > _MOST_BYTES


def _is_too_deep(value: Any, text: str) -> bool:
    """Whether lists and objects lie deeper inside each other than anything that reads them could follow."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    level = [value]
    for _ in range(_DEEPEST + 1):
        inside = (v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list))
        level = [inner for values in inside for inner in values]
    return bool(level)


def checked_value(value: Any, text: str, line: int) -> tuple[Piece, ...]:
    """The value, with halves of characters (lone surrogates) replaced: JSON can hold them, but no tokenizer and no file
    can."""
    if _is_too_deep(value, text):
        return (_too_deep(line),)
    if "\\u" in text and _SURROGATE.search(text):
        clean = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
        if (replaced := _DECODER.decode(clean)) != value:
            message, fix = say("A character is cut in half."), say("It is read as “?”.")
            return Problem("half-character", "warning", line, message, fix), (line, replaced)
    return ((line, value),)


def decoding_problem(text: str, line: int, error: Exception, start: int = 0) -> Problem:
    """What is wrong with a value that begins at `start`, on this line, from the error that decoding it raised."""
    if isinstance(error, RecursionError):
        return _too_deep(line)
    if not isinstance(error, json.JSONDecodeError):  # Python refuses whole numbers of thousands of digits
        return Problem("json", "error", line, say("The JSON holds a number that is too long."))
    error_line = line + text.count("\n", start, error.pos)
    column = error.pos - text.rfind("\n", 0, error.pos)
    return Problem(
        "json",
        "error",
        error_line,
        say("The JSON is broken at column {column}: {reason}.", column=column, reason=json_reason(error)),
    )
