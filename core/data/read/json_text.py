"""JSON as people have it: one value a line, one big array, printed over many lines, or slightly broken."""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

from core.data.read.source import TOP, Piece, Problem, Source

LONGEST = 1 << 26  # characters; a value that has not ended by then is taken as broken
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # how a half of a character is written; text as read never holds one
_DECODER = json.JSONDecoder()


def by_line(opened: Source) -> Iterator[Piece]:
    """JSON Lines: the value on each line. Blank lines are skipped and told once, with the first."""
    first = blank = 0
    for item in opened.lines():
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item
        if not text.strip():
            first, blank = first or line, blank + 1
            continue
        yield from _value(text, line)
    if blank:
        these = f"This line and {blank - 1:,} more are" if blank > 1 else "This line is"
        yield Problem("blank", "note", first, f"{these} blank.", "Blank lines are skipped.")


def by_value(opened: Source) -> Iterator[Piece]:
    """JSON values over many lines: the members of one array, or values one after the other."""
    scan = _Scan(opened)
    scan.space("")
    in_array = scan.take("[") if opened.begin == TOP else opened.head.lstrip().startswith("[")
    while True:
        scan.space(", \t" if in_array else " \t")
        yield from scan.problems()
        if in_array and scan.take("]"):
            scan.space("")
            in_array = scan.take("[")  # another array may follow
            continue
        if scan.ended():
            break
        line = scan.line
        yield from scan.value(line)
    yield from scan.problems()
    if in_array:
        yield Problem("array-end", "warning", scan.line, "The file ends before the array does.", "The rows are kept.")


def mend(text: str) -> tuple[Any, str] | None:
    """(value, what was wrong) of text that is nearly JSON: trailing commas, or Python's way of writing it."""
    try:
        without = _TRAILING_COMMA.sub(lambda m: m.group(1) or "", text)
        return json.loads(without), "a comma too many"
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns of escapes such as \\d in the text
            value = ast.literal_eval(text.strip().rstrip(","))
        json.dumps(value)  # sets, bytes and complex numbers are no data
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value, "single quotes, as Python writes them"


def _value(text: str, line: int) -> Iterator[Piece]:
    """The value of one piece of text, mended where that is safe, or what is wrong with it."""
    try:
        value = json.loads(text)
    except RecursionError:
        yield Problem("json", "error", line, "The JSON is nested too deeply.")
        return
    except json.JSONDecodeError as error:
        broken = error
    except ValueError:  # Python refuses whole numbers of thousands of digits
        yield Problem("json", "error", line, "The JSON holds a number that is too long.")
        return
    else:
        yield from _whole(value, text, line)
        return
    mended = mend(text)
    if mended is None:
        yield _broken(text, line, broken)
        return
    value, wrong = mended
    code = "trailing-comma" if "comma" in wrong else "single-quotes"
    yield Problem(code, "warning", line, f"The JSON has {wrong}.", "It is read as meant.")
    yield from _whole(value, text, line)


def _whole(value: Any, text: str, line: int) -> Iterator[Piece]:
    """The value, with halves of characters replaced: JSON can hold them, but no tokenizer and no file can."""
    if "\\u" in text and _HALF.search(text):
        clean = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
        if (made := json.loads(clean)) != value:
            yield Problem("half-character", "warning", line, "A character is cut in half.", "It is read as “?”.")
            value = made
    yield line, value


def _broken(text: str, line: int, error: json.JSONDecodeError) -> Problem:
    where = line + text.count("\n", 0, error.pos)
    column = error.pos - text.rfind("\n", 0, error.pos)
    what = error.msg[0].lower() + error.msg[1:].removesuffix(" starting at")
    return Problem("json", "error", where, f"The JSON is broken at column {column}: {what}.")


class _Scan:
    """A window over the text that moves forward value by value, so that memory stays flat."""

    def __init__(self, opened: Source) -> None:
        self.opened = opened
        self.chunks = opened.chunks()
        self.text, self.at = "", 0
        self.offset, self.line = max(opened.begin[0], len(opened.bom)), opened.begin[1]
        self.exact = opened.has_places  # whether `offset` still is the number of bytes gone through
        self.done = False

    def problems(self) -> Iterator[Piece]:
        yield from self.opened.problems
        self.opened.problems.clear()

    def place(self) -> None:
        """Tell where the value that comes now begins."""
        self.opened.start = (self.offset if self.exact else self.opened.start[0], self.line)

    def more(self) -> bool:
        """One more chunk, dropping what has been gone through. Whether there was one."""
        chunk = next(self.chunks, None)
        if chunk is None:
            self.done = True
            return False
        self.text, self.at = self.text[self.at :] + chunk, 0
        self.exact = self.exact and not self.opened.problems
        return True

    def move(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        if self.exact:
            passed = self.text[self.at : to]
            self.offset += len(passed) if passed.isascii() else len(passed.encode())
        self.at = to

    def space(self, also: str) -> None:
        """Past white space, and past the characters in `also`."""
        skip = re.compile(rf"[\s{re.escape(also)}]*")
        while True:
            found = skip.match(self.text, self.at)
            self.move(found.end() if found else self.at)
            if self.at < len(self.text) or not self.more():
                return

    def take(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.opened.text_seen = True
            self.move(self.at + 1)
            return True
        return False

    def ended(self) -> bool:
        return self.at >= len(self.text) and self.done

    def value(self, line: int) -> Iterator[Piece]:
        """The next value, or what is wrong with it; either way the window stands behind it."""
        self.opened.text_seen = True
        self.place()
        wanted = 0
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except RecursionError:
                self.move(len(self.text) if self.done else self._next())
                yield Problem("json", "error", line, "The JSON is nested too deeply.")
                return
            except json.JSONDecodeError as error:
                # A value that is cut by the window's end fails there, or in a string that began before it.
                cut = error.pos >= len(self.text) - 8 or error.msg.startswith("Unterminated string")
                if cut and not self.done and len(self.text) - self.at < LONGEST:
                    wanted = max(2 * wanted, 1 << 20)
                    aim = len(self.text) - self.at + wanted
                    while len(self.text) - self.at < aim and self.more():
                        pass
                    continue
                end = self._next()
                text = self.text[self.at : end].rstrip().rstrip(",")
                self.move(end)
                yield from _value(text, line)
                return
            except ValueError:
                self.move(self._next())
                yield Problem("json", "error", line, "The JSON holds a number that is too long.")
                return
            start, text = self.at, self.text
            self.move(end)
            yield from _whole(value, text[start:end], line)
            return

    def _next(self) -> int:
        """Where the value behind a broken one starts: the next line that opens at the same depth or outside."""
        start = self.text.rfind("\n", 0, self.at) + 1
        indent = self.at - start if not self.text[start : self.at].strip() else 0
        following = re.compile(rf"\n[ \t]{{0,{indent}}}(?=[{{\[])|\n(?=\])")
        while True:
            found = following.search(self.text, self.at + 1)
            if found:
                return found.end()
            if not self.more():
                return len(self.text)
