"""JSON as data files hold it: one value a line, one big array, printed over many lines, or slightly broken."""

import ast
import json
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from core.data.read.source import FILE_START, Piece, Problem, Source
from core.errors import shorten

MAX_VALUE_LENGTH = 1 << 26  # characters; a value that is longer is left out
_LONGEST_KEY = 60  # characters, in a sentence
_LONGEST_REPAIR = 1 << 20  # characters: Python takes hundreds of bytes for each character that it parses
_MOST_BYTES = 1 << 29  # that the objects of one value may take
_MOST_BROKEN = 1000  # values one after the other, behind which a file is not read any further
_DEEPEST = 200  # lists and objects inside each other
# A text, closed or not, or a comma too many. Nothing is tried twice, so the time grows with the length alone.
_TRAILING_COMMA = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z))|,(?=\s*+[}\]])', re.DOTALL)
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
_UNIQUE_DECODER = json.JSONDecoder(parse_constant=_parse_constant, object_pairs_hook=_unique_keys)


def read_json_lines(data_file: Source) -> Iterator[Piece]:
    """(line, value) of each line of JSON Lines. Blank lines are skipped; one note at the end counts them."""
    first = blank = 0
    for item in data_file.lines():
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item
        if not text.strip():
            first, blank = first or line, blank + 1
            continue
        yield from _parse(text, line)
    if blank:
        subject = f"This line and {blank - 1:,} more are" if blank > 1 else "This line is"
        yield Problem("blank", "note", first, f"{subject} blank.", "Blank lines are skipped.")


def read_json_values(data_file: Source) -> Iterator[Piece]:
    """(line, value) of JSON over many lines: the members of one array, or values one after the other."""
    window = _JsonWindow(data_file)
    window.skip_space("")
    in_array = window.skip_character("[") if data_file.begin == FILE_START else data_file.head.lstrip().startswith("[")
    broken = 0  # values one after the other
    while True:
        window.skip_space(", \t" if in_array else " \t")
        yield from window.take_problems()
        if in_array and window.skip_character("]"):
            window.skip_space("")
            in_array = window.skip_character("[")  # another array may follow
            continue
        if window.at_end():
            break
        line = window.line
        for piece in window.read_value(line):
            yield piece
            if not isinstance(piece, Problem):
                broken = 0
            elif piece.severity == "error":
                broken += 1
        if broken >= _MOST_BROKEN:
            message = f"{broken:,} values one after the other are broken; what follows is not read."
            yield Problem("json-end", "error", window.line, message, "Mend what is told before it.")
            return
    yield from window.take_problems()
    if in_array:
        yield Problem("array-end", "warning", window.line, "The file ends before the array does.", "The rows are kept.")


def repair_json(text: str) -> tuple[Any, str, str | None] | None:
    """(value, what was wrong, a key that stands twice) of text that is nearly JSON: with trailing commas, or as Python
    writes a dict or a list. None where it is neither, or too long to try."""
    if len(text) > _LONGEST_REPAIR:
        return None
    try:
        without_commas = _TRAILING_COMMA.sub(lambda m: m.group(1) or "", text)
        value, same_key = _decode(without_commas)
        return value, "a comma too many", same_key
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes such as \\d in the text
            tree = ast.parse(text.strip().rstrip(","), mode="eval")
        value = ast.literal_eval(tree)
        value = _DECODER.decode(json.dumps(value))  # sets, bytes and complex numbers are no data; keys become text
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    objects = (node.keys for node in ast.walk(tree) if isinstance(node, ast.Dict))
    repeated = (_first_repeated(str(k.value) for k in keys if isinstance(k, ast.Constant)) for keys in objects)
    return value, "single quotes, as Python writes them", next((key for key in repeated if key is not None), None)


def _decode(text: str) -> tuple[Any, str | None]:
    """(value, a key that stands twice in one of its objects; None where each stands once)."""
    try:
        return _UNIQUE_DECODER.decode(text), None
    except _SameKey as same_key:
        return _DECODER.decode(text), same_key.args[0]


def _joined_objects(text: str) -> list[Any]:
    """The objects of a line that holds several, one after the other; none where it holds anything else."""
    if len(text) > _LONGEST_REPAIR or not text.lstrip().startswith("{"):
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


def _same_key_problems(key: str | None, line: int) -> Iterator[Problem]:
    if key is not None:
        message = f"The key {json.dumps(shorten(key, _LONGEST_KEY), ensure_ascii=False)} stands twice in one object."
        yield Problem("same-key", "warning", line, message, "The last one is read; give each a name of its own.")


def _parse(text: str, line: int) -> Iterator[Piece]:
    """The value of one piece of text, repaired where that is safe, or what is wrong with it."""
    if _is_too_large(text):
        yield _too_long(line)
        return
    may_be_repaired = False
    try:
        value, same_key = _decode(text)
    except RecursionError:
        problem = _too_deep(line)
    except json.JSONDecodeError as error:
        problem, may_be_repaired = _json_problem(text, line, error), True
    except ValueError:  # Python refuses whole numbers of thousands of digits
        problem = _too_many_digits(line)
    else:
        yield from _same_key_problems(same_key, line)
        yield from _checked(value, text, line)
        return
    joined = _joined_objects(text) if may_be_repaired else []
    if joined:
        yield Problem("joined", "note", line, "Several objects stand on this line.", "Each is read as a row.")
        for value in joined:
            yield from _checked(value, text, line)
        return
    repaired = repair_json(text) if may_be_repaired else None
    if repaired is None:
        yield problem
        return
    value, mistake, same_key = repaired
    code = "trailing-comma" if "comma" in mistake else "single-quotes"
    yield Problem(code, "warning", line, f"The JSON has {mistake}.", "It is read as meant.")
    yield from _same_key_problems(same_key, line)
    yield from _checked(value, text, line)


def _too_long(line: int) -> Problem:
    return Problem("long-line", "error", line, "This value is too long to be a row.")


def _too_deep(line: int) -> Problem:
    return Problem("json", "error", line, "The JSON is nested too deeply.")


def _too_many_digits(line: int) -> Problem:
    return Problem("json", "error", line, "The JSON holds a number that is too long.")


def _is_too_large(text: str) -> bool:
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


def _checked(value: Any, text: str, line: int) -> Iterator[Piece]:
    """The value, with halves of characters (lone surrogates) replaced: JSON can hold them, but no tokenizer and no file
    can."""
    if _is_too_deep(value, text):
        yield _too_deep(line)
        return
    if "\\u" in text and _SURROGATE.search(text):
        clean = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
        if (replaced := _DECODER.decode(clean)) != value:
            yield Problem("half-character", "warning", line, "A character is cut in half.", "It is read as “?”.")
            value = replaced
    yield line, value


def _json_problem(text: str, line: int, error: json.JSONDecodeError, start: int = 0) -> Problem:
    """What is wrong with a value that begins at `start`, on this line."""
    error_line = line + text.count("\n", start, error.pos)
    column = error.pos - text.rfind("\n", 0, error.pos)
    reason = error.msg[0].lower() + error.msg[1:].removesuffix(" starting at")
    return Problem("json", "error", error_line, f"The JSON is broken at column {column}: {reason}.")


class _JsonWindow:
    """A window over a file's text that moves forward value by value, so that memory stays flat.

    `text` is what the window holds and `cursor` the character in it that is read next; `offset` (bytes) and `line` are
    the cursor's position in the file.
    """

    def __init__(self, data_file: Source) -> None:
        self.data_file = data_file
        self.chunks = data_file.chunks()
        self.text, self.cursor = "", 0
        self.offset, self.line = max(data_file.begin[0], len(data_file.bom)), data_file.begin[1]
        self.counts_bytes = data_file.has_offsets  # whether `offset` is still the number of bytes before the cursor
        self.bounded_text = ""  # the last window that was not too large: behind a long value many others may lie in it
        self.is_last = False  # whether the window reaches to the end of the file
        self.is_dropped = False  # whether text was dropped on the way to the value behind a broken one

    def take_problems(self) -> Iterator[Piece]:
        """What was wrong with the encoding of the text since the last call."""
        yield from self.data_file.problems
        self.data_file.problems.clear()

    def mark_row_start(self) -> None:
        """Record in the source that a value begins at the cursor."""
        self.data_file.row_start = (self.offset if self.counts_bytes else self.data_file.row_start[0], self.line)

    def read_chunk(self, length: int = 1) -> bool:
        """Append `length` more characters, rounded up to a chunk, and drop what lies before the cursor. Returns whether
        there were any."""
        parts = [self.text[self.cursor :]]
        while length > 0 and not self.is_last:
            parts.append(next(self.chunks, ""))
            length -= len(parts[-1])
            self.is_last = not parts[-1]
        if not any(parts[1:]):
            return False
        self.text, self.cursor = "".join(parts), 0
        self.counts_bytes = self.counts_bytes and not self.data_file.problems
        return True

    def move_to(self, cursor: int) -> None:
        self.line += self.text.count("\n", self.cursor, cursor)
        if self.counts_bytes:
            skipped = self.text[self.cursor : cursor]
            self.offset += len(skipped) if skipped.isascii() else len(skipped.encode())
        self.cursor = cursor

    def skip_space(self, separators: str) -> None:
        """Move past white space and the characters in `separators`."""
        skip = re.compile(rf"[\s{re.escape(separators)}]*")
        while True:
            match = skip.match(self.text, self.cursor)
            self.move_to(match.end() if match else self.cursor)
            if self.cursor < len(self.text) or not self.read_chunk():
                return

    def skip_character(self, character: str) -> bool:
        """Move past this character if it comes next. Returns whether it did."""
        if self.text.startswith(character, self.cursor):
            self.data_file.has_text = True
            self.move_to(self.cursor + 1)
            return True
        return False

    def at_end(self) -> bool:
        return self.cursor >= len(self.text) and self.is_last

    def read_value(self, line: int) -> Iterator[Piece]:
        """The next value, or what is wrong with it; either way the cursor moves behind it."""
        self.data_file.has_text = True
        self.mark_row_start()
        decoder, same_key = _UNIQUE_DECODER, None
        lookahead = 0  # characters that are read at once when a value is longer than the window; doubled each time
        # Nothing is given out while an error is held: it would keep the file open where the rows are not read on.
        while True:
            if self.text is not self.bounded_text and _is_too_large(self.text):
                problem, may_be_repaired = _too_long(line), False
                break
            self.bounded_text = self.text
            try:
                value, end = decoder.raw_decode(self.text, self.cursor)
            except _SameKey as twice:
                decoder, same_key = _DECODER, twice.args[0]
                continue
            except RecursionError:
                problem, may_be_repaired = _too_deep(line), False
                break
            except json.JSONDecodeError as error:
                # A value that is cut by the window's end fails there, or in a string that began before it.
                is_cut = error.pos >= len(self.text) - 8 or error.msg.startswith("Unterminated string")
                if is_cut and not self.is_last:
                    lookahead = max(2 * lookahead, 1 << 20)
                    self.read_chunk(lookahead)
                    continue
                problem, may_be_repaired = _json_problem(self.text, line, error, self.cursor), True
                break
            except ValueError:
                problem, may_be_repaired = _too_many_digits(line), False
                break
            start, text = self.cursor, self.text
            self.move_to(end)
            yield from _same_key_problems(same_key, line)
            yield from _checked(value, text[start:end], line)
            return
        end = self._find_next_value()
        text = self.text[self.cursor : end].rstrip().rstrip(",") if may_be_repaired and not self.is_dropped else ""
        self.move_to(end)
        if text:
            yield from _parse(text, line)
        else:
            yield problem

    def _find_next_value(self) -> int:
        """Where the value behind a broken one starts: at the next line that opens an object or array with no more
        indentation, or that closes an array."""
        start = self.text.rfind("\n", 0, self.cursor) + 1
        indent = self.cursor - start if not self.text[start : self.cursor].strip() else 0
        following = re.compile(rf"\n[ \t]{{0,{indent}}}(?=[{{\[])|\n(?=\])")
        self.is_dropped = False
        start = self.cursor + 1
        while True:
            match = following.search(self.text, start)
            if match:
                return match.end()
            if len(self.text) - self.cursor > _LONGEST_REPAIR:  # nothing will be made of it: it is passed over
                self.is_dropped = True
                self.move_to(max(self.cursor, len(self.text) - indent - 2))
            start = max(self.cursor, len(self.text) - indent - 2) - self.cursor  # counted from the cursor
            if not self.read_chunk():
                return len(self.text)
