"""One data file: its encoding, its compression, its lines, and the form in which its rows are written."""

import io
import json
import re
import stat
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from core.data.read import anki
from core.data.read.other_formats import refuse_other_format
from core.data.read.packed import (
    START_BYTES,
    UNPACK_ERRORS,
    Packing,
    only_member,
    open_packed,
    packing_of,
    unpacked_name,
)
from core.data.read.text_encoding import decode, detect_encoding, split_at_character
from core.errors import BadData, Unavailable
from core.text.sentence import say

HEAD_BYTES = 1 << 16  # bytes looked at to tell what kind of file this is
LONGEST_LINE = 1 << 26  # bytes; a longer line is skipped, so that memory stays flat
_MOST_PROBLEMS = 10_000  # that are told of a chunk
_MOST_SKIPPED = 1 << 30  # bytes of one line, behind which a file is not read any further
_TABLE_ENDINGS = (".csv", ".tsv", ".tab")
_MAYBE_TABLE = (".data", ".dat", ".tbl", ".table", ".xls", ".prn", ".out")  # of text that may be a table
_ROWS_OF_JSON = re.compile(r'\[?\s*\{\s*"[^"\\\n]{1,60}"\s*:')  # an object, or an array of them
# The most usual names of columns, as reading needs them; core.data.format.column_names has all.
_ASKED, _ANSWERED = (
    "question|prompt|instruction|input|query|frage|front",
    "answer|response|completion|output|antwort|back",
)
KNOWN_NAME = re.compile(rf"{_ASKED}|{_ANSWERED}|text|messages|conversations|chosen|rejected|label", re.IGNORECASE)
# The first line of a table, by what stands between its cells.
NAMES_OF_TABLE = {
    mark: re.compile(
        rf'(?:[^\n{mark}]{{0,30}}{mark})*?"?(?:{_ASKED})"?{mark}'
        rf'(?:[^\n{mark}]{{0,30}}{mark})*?"?(?:{_ANSWERED})"?(?:{mark}[^\n]*)?\r?\n',
        re.IGNORECASE,
    )
    for mark in (",", ";", "\t")
}
_LEADING_COMMENTS = re.compile(r"(?:[ \t]*(?://|#)[^\n]*\n\s*)+")
_ENDS_ROW = re.compile(r"\}\s*(?:,?\s*(?://|#)[^\"{}]*)?$")  # a line of JSON Lines, maybe with a comment
_SEPARATOR = re.compile(r"sep=(.)\r?(\n|\Z)", re.IGNORECASE)  # Excel's first line, which says what stands between cells


# What files that hold columns begin with; the second is Arrow's stream, as `datasets` writes it.
_COLUMNAR: tuple[tuple[bytes, Literal["parquet", "arrow"]], ...] = (
    (b"PAR1", "parquet"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"ARROW1\0\0", "arrow"),
)


@dataclass(frozen=True)
class Problem:
    """What is wrong in one place of a file: a core.data.read.reader.Finding that does not name the file yet."""

    code: str
    severity: Literal["error", "warning", "note"]
    line: int | None  # counted from 1
    message: str
    fix: str | None = None


# What reading raises when the disk fails, or a packed file is cut off or damaged.
READ_ERRORS = (OSError, *UNPACK_ERRORS)

Form = Literal["lines", "values", "table", "text", "parquet", "arrow"]
Piece = tuple[int, Any] | Problem  # (physical line, value of a row), or what is wrong there
Position = tuple[int, int]  # (unpacked bytes before it, physical line from 1); in a Parquet or Arrow file (row, row)
FILE_START: Position = (0, 1)


class Source:
    """A data file that is read line by line or in chunks, from the top or from a position that was met before.

    `row_start` is the position where the value that was read last begins, and `line_end` where the line that was read
    last ends. The bytes in them stay unchanged where they cannot be counted: in UTF-16 and UTF-32, and in JSON over
    many lines that is not UTF-8.

    Raises BadData when there is no such file, it is empty or no data file; Unavailable when it cannot be read.
    """

    def __init__(self, path: Path, begin: Position = FILE_START) -> None:
        self.path = path
        self.begin = self.row_start = self.line_end = begin
        self._raw: BinaryIO | None = None
        self._member = ""  # the name of the data file in an archive
        self.held_out_part = ""  # of an object around lists of rows: the name of the list to hold out, once it was met
        self.has_text = False  # whether anything but white space was read
        self.problems: list[Problem] = []  # met while chunks() decodes; its caller takes them from here
        try:
            check_is_file(path)
            with path.open("rb") as file:
                self.packing: Packing = packing_of(file.read(START_BYTES))
            if self.packing == "zip":
                refuse_other_format(path, path.suffix.lower(), b"")  # a workbook is an archive too
                self._member = only_member(path)
            with self.open() as file:
                head = file.read(HEAD_BYTES)
        except FileNotFoundError:
            raise BadData(say("There is no file {path}.", path=path)) from None
        except READ_ERRORS as error:
            raise unreadable_error(path, error) from None
        if not head:
            raise BadData(say("{path} is empty.", path=path))
        self._inspect_head(head)

    def _inspect_head(self, head: bytes) -> None:
        """Detect the encoding, and refuse what is no data file."""
        self.bom, self.encoding = detect_encoding(head)
        self.has_bom = bool(self.bom)
        self.columnar = next((form for mark, form in _COLUMNAR if head.startswith(mark)), None)
        if self.columnar:
            return
        refuse_other_format(self.path, self.suffix, head)
        if not self.bom and b"\0" in head:
            raise BadData(say("{path} is not a text file.", path=self.path))
        self.head = head[len(self.bom) :].decode(self.encoding, errors="replace")
        self.line_end_mark: Literal["\n", "\r"] = "\r" if "\r" in self.head[:-1] and "\n" not in self.head else "\n"
        self.head = self.head.replace("\r", "\n") if self.line_end_mark == "\r" else self.head
        separator, notes = _SEPARATOR.match(self.head), anki.read_settings(self.head)
        self.separator = separator.group(1) if separator else ""  # between the cells of a table that says so itself
        self.lines_above = 1 if separator else 0  # that say how a table is written
        self.column_names: tuple[str, ...] = ()  # that stand in no line of the table
        if notes:
            self.separator, self.lines_above, self.column_names, self.head = notes

    def open(self) -> BinaryIO:
        """The file's bytes, unpacked where it is packed."""
        if not self.packing:
            self._raw = self.path.open("rb")
            return self._raw
        unpacked, self._raw = open_packed(self.path, self.packing, self._member)
        return unpacked

    @property
    def size(self) -> int:
        """Bytes of the file as it lies on the disk."""
        return self.path.stat().st_size

    def bytes_read(self) -> int:
        """How many bytes of the file on the disk have been read."""
        return self.size if self._raw is None or self._raw.closed else self._raw.tell()

    @property
    def has_offsets(self) -> bool:
        """Whether the bytes before a line can be counted."""
        return self.encoding == "utf-8"

    @property
    def suffix(self) -> str:
        """The file name's ending in lower case, without .gz and the like; in an archive that of the data file."""
        return Path(unpacked_name(self._member or self.path.name)).suffix

    def detect_form(self) -> Form:
        """How the rows are written: one JSON value a line, JSON values over many lines, a table, text, or Parquet."""
        if self.columnar:
            return self.columnar
        if self.suffix in _TABLE_ENDINGS or self.separator:
            return "table"
        start = self.head.lstrip()
        if self.suffix in (".txt", ".md"):
            named = self.named_otherwise
            return "table" if named == "table" else _json_form(start) if named else "text"
        if self.suffix not in (".json", ".jsonl", ".ndjson") and not start.startswith(("{", "[")):
            first = start.partition("\n")[0]
            return "table" if self.suffix in _MAYBE_TABLE and any(c in first for c in ",;\t") else "text"
        return _json_form(start)

    @property
    def named_otherwise(self) -> Literal["", "JSON", "table"]:
        """What a text by its name holds: rows in JSON, or a table whose first line has names that are known."""
        if self.suffix not in (".txt", ".md"):
            return ""
        start = self.head.lstrip()
        if _ROWS_OF_JSON.match(start):
            return "JSON"
        first, _, following = start.partition("\n")  # which may be a title
        is_table = any(
            names.match(start) or (mark not in first and names.match(following))
            for mark, names in NAMES_OF_TABLE.items()
        )
        return "table" if is_table else ""

    def lines(self) -> Generator[tuple[int, str] | Problem, None, None]:
        """(number from 1, text without its line end) of every line, after a Problem where its encoding was guessed."""
        offset, number = max(self.begin[0], len(self.bom)), self.begin[1]
        with self.open() as file:
            file.seek(offset)
            # Two-byte encodings have no one-byte line ends, so Python's text layer has to find them.
            wide = not self.has_offsets
            raw: Any = file
            if wide:
                raw = io.TextIOWrapper(file, self.encoding, errors="replace", newline=self.line_end_mark)
            elif self.line_end_mark == "\r":
                raw = io.BufferedReader(_ClassicLineEnds(file))
            longest = LONGEST_LINE // 4 if wide else LONGEST_LINE
            while line := raw.readline(longest):
                length = len(line)
                if length == longest and line[-1:] not in ("\n", "\r", b"\n"):
                    while length < _MOST_SKIPPED and (tail := raw.readline(1 << 20)):
                        length += len(tail)
                        if tail[-1:] in ("\n", "\r", b"\n"):
                            break
                    yield Problem("long-line", "error", number, say("This line is too long to be a row."))
                    if length >= _MOST_SKIPPED:
                        yield Problem("long-line", "error", number, say("What stands behind it is not read."))
                        return
                    offset, number = offset + (0 if wide else length), number + 1
                    continue
                self.row_start = (offset, number)
                offset += 0 if wide else length
                self.line_end = (offset, number + 1)
                line = line.rstrip("\r\n" if wide else b"\r\n")  # before it is decoded, when it is shorter
                text, guessed = (line, False) if wide else decode(line)
                line = line[:0]
                if sys.getsizeof(text) > 2 * LONGEST_LINE:  # one character can make the others four times as large
                    yield Problem("long-line", "error", number, say("This line is too long to be a row."))
                    number += 1
                    continue
                if guessed:
                    yield encoding_problem(number)
                if not self.has_text and not text.isspace() and text:
                    self.has_text = True
                held, text = [text], ""  # not kept here while the row is looked at
                yield number, held.pop()
                number += 1

    def chunks(self, size: int = 1 << 20) -> Iterator[str]:
        """The text in pieces of about `size` bytes, however long its lines are. Guessed encodings go to `problems`."""
        with self.open() as file:
            file.seek(max(self.begin[0], len(self.bom)))
            if not self.has_offsets:
                wide = io.TextIOWrapper(file, self.encoding, errors="replace", newline="")
                yield from iter(lambda: wide.read(size), "")
                return
            number, remainder = self.begin[1], b""
            while block := file.read(size):
                block += file.readline(size)
                complete, remainder = split_at_character(remainder + block)
                text, guessed = decode(complete)
                if guessed:  # line by line, so that only the lines at fault are guessed
                    texts = [decode(line) for line in complete.splitlines(keepends=True)]
                    text = "".join(text for text, _ in texts)
                    lines = [n for n, (_, guessed) in enumerate(texts, number) if guessed]
                    self.problems += map(encoding_problem, lines[:_MOST_PROBLEMS])
                number += text.count("\n")
                yield text
            yield decode(remainder)[0]


class _ClassicLineEnds(io.RawIOBase):
    """The bytes of a file in which lines end with a carriage return alone, as on old Macs, with line feeds instead."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._file.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(block)] = block
        return len(block)


def check_is_file(path: Path) -> None:
    """Raise BadData for a folder, and for devices, pipes and sockets, of which reading may never end."""
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise BadData(say("There is no permission to read {path}.", path=path)) from None
    except ValueError:  # a character that no name can have
        raise BadData(say("There can be no file {path}.", path=path)) from None
    if stat.S_ISDIR(mode):
        raise BadData(say("{path} is a folder, not a file.", path=path))
    if not stat.S_ISREG(mode):
        raise BadData(say("{path} is a device or a pipe, not a file.", path=path))


def unreadable_error(path: Path, error: BaseException) -> Unavailable:
    """The error, with its sentence, for a file that cannot be read, or not any further."""
    return Unavailable(say("{path} cannot be read: {reason}.", path=path, reason=error))


_READ_AS = say("It is read as Windows-1252; where letters look wrong, save the file as UTF-8.")


def encoding_problem(line: int) -> Problem:
    return Problem("encoding", "warning", line, say("This is not UTF-8."), _READ_AS)


def _json_form(start: str) -> Literal["lines", "values"]:
    """Whether JSON that starts with `start` is one value a line ("lines") or anything else ("values")."""
    start = _LEADING_COMMENTS.sub("", start)
    first, line_end, following = start.partition("\n")
    if first.startswith("[") and not _is_complete_json(first):
        return "values"
    if first.startswith("[") and not following.strip():
        return "values"  # an array on one line: its members are the rows
    if not line_end or _is_complete_json(first):
        return "lines" if not start.startswith("[") or following.lstrip().startswith("[") else "values"
    # The first line is no JSON by itself: either it is broken, or the value goes on over several lines.
    return "lines" if following.lstrip(" \t").startswith(("{", "[")) and _ENDS_ROW.search(first) else "values"


def _is_complete_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
