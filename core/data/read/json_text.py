"""The JSON values of a data file one after the other: one a line, in one big array, or printed over many lines."""

import json
import re
from collections.abc import Iterator

from core.data.read.json_value import (
    LONGEST_REPAIR,
    checked_value,
    decode_from,
    decoding_problem,
    is_too_large,
    parse_value,
    same_key_problems,
    too_long,
)
from core.data.read.source import FILE_START, Piece, Problem, Source
from core.text.sentence import say

_COMMENTS = ("//", "#")  # what lines begin with that are none of JSON's
_MOST_BROKEN = 1000  # values one after the other, behind which a file is not read any further


def read_json_lines(data_file: Source) -> Iterator[Piece]:
    """(line, value) of each line of JSON Lines. Blank lines are skipped; one note at the end counts them."""
    first = blank = first_comment = comments = 0
    for item in data_file.lines():
        if isinstance(item, Problem):
            yield item
            continue
        line, text = item
        if not text.strip():
            first, blank = first or line, blank + 1
            continue
        if text.lstrip().startswith(_COMMENTS):
            first_comment, comments = first_comment or line, comments + 1
            continue
        yield from parse_value(text, line)
    if comments:
        subject = say("This line and {blank:,} more are", blank=comments - 1) if comments > 1 else say("This line is")
        message = say("{subject} a comment.", subject=subject)
        yield Problem("comment", "note", first_comment, message, say("Comments are skipped."))
    if blank:
        subject = say("This line and {blank:,} more are", blank=blank - 1) if blank > 1 else say("This line is")
        yield Problem("blank", "note", first, say("{subject} blank.", subject=subject), say("Blank lines are skipped."))


def read_json_values(data_file: Source) -> Iterator[Piece]:
    """(line, value) of JSON over many lines: the members of one array, or values one after the other."""
    window = _JsonWindow(data_file)
    window.skip_space("")
    in_array = window.skip_character("[") if data_file.begin == FILE_START else data_file.head.lstrip().startswith("[")
    broken = 0  # values one after the other
    has_values = False  # behind the first there may be commas, as where the brackets of an array were left out
    while True:
        window.skip_space(", \t" if in_array or has_values else " \t")
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
                broken, has_values = 0, True
            elif piece.severity == "error":
                broken += 1
        if broken >= _MOST_BROKEN:
            message = say("{broken:,} values one after the other are broken; what follows is not read.", broken=broken)
            yield Problem("json-end", "error", window.line, message, say("Put right what is said before it."))
            return
    yield from window.take_problems()
    if in_array:
        yield Problem(
            "array-end", "warning", window.line, say("The file ends before the array does."), say("The rows are kept.")
        )


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
        lookahead = 0  # characters that are read at once when a value is longer than the window; doubled each time
        # Nothing is given out while an error is held: it would keep the file open where the rows are not read on.
        while True:
            if self.text is not self.bounded_text and is_too_large(self.text):
                problem, may_be_repaired = too_long(line), False
                break
            self.bounded_text = self.text
            try:
                value, end, same_key = decode_from(self.text, self.cursor)
            except (ValueError, RecursionError) as error:
                may_be_repaired = isinstance(error, json.JSONDecodeError)
                if not self.is_last and self._is_cut(error):
                    lookahead = max(2 * lookahead, 1 << 20)
                    self.read_chunk(lookahead)
                    continue
                problem = decoding_problem(self.text, line, error, self.cursor)
                break
            start, text = self.cursor, self.text
            self.move_to(end)
            yield from same_key_problems(same_key, line)
            yield from checked_value(value, text[start:end], line)
            return
        end = self._find_next_value()
        text = self.text[self.cursor : end].rstrip().rstrip(",") if may_be_repaired and not self.is_dropped else ""
        self.move_to(end)
        if text:
            yield from parse_value(text, line)
        else:
            yield problem

    def _is_cut(self, error: Exception) -> bool:
        """Whether a value ends with the window, not by itself: decoding fails there, or in a string that began before
        it."""
        return isinstance(error, json.JSONDecodeError) and (
            error.pos >= len(self.text) - 8 or error.msg.startswith("Unterminated string")
        )

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
            if len(self.text) - self.cursor > LONGEST_REPAIR:  # nothing will be made of it: it is passed over
                self.is_dropped = True
                self.move_to(max(self.cursor, len(self.text) - indent - 2))
            start = max(self.cursor, len(self.text) - indent - 2) - self.cursor  # counted from the cursor
            if not self.read_chunk():
                return len(self.text)
