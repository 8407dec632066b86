"""An opened data file: its encoding, its compression, its lines, and the form its rows are written in."""

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from core.errors import BadData, Unavailable

HEAD = 1 << 16  # bytes looked at to tell what kind of file this is
LONGEST_LINE = 1 << 26  # bytes; a longer line is passed over, so that memory stays flat
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_OTHER = (  # what people drop by mistake
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"GGUF", "a model in GGUF format"),
    (b"version https://git-lfs", "a Git LFS pointer (the data itself has to be fetched with git lfs pull)"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)


@dataclass(frozen=True)
class Problem:
    """What is wrong in one place of a file, before it is known how the person calls the file."""

    code: str
    severity: Literal["error", "warning", "note"]
    line: int | None
    message: str
    fix: str | None = None


# What reading raises when the disk fails, or a packed file is cut off or damaged.
BROKEN = (OSError, EOFError, zlib.error)

Piece = tuple[int, Any] | Problem  # (physical line, value of a row), or what is wrong there
Place = tuple[int, int]  # (bytes before it, unpacked; physical line); in a Parquet file (row, row)
TOP: Place = (0, 1)


class Source:
    """A data file that can be gone through, line by line or in chunks, from the top or a place met before.

    `start` is where the value that was read last begins, and `after` where the line read last ends. Their bytes
    stay the same where they cannot be told: in UTF-16 and UTF-32, and in JSON over many lines that is not UTF-8.

    Raises BadData or Unavailable, in one sentence, when there is nothing to read.
    """

    def __init__(self, path: Path, begin: Place = TOP) -> None:
        self.path = path
        self.begin = self.start = self.after = begin
        self._raw: BinaryIO | None = None
        self.text_seen = False  # whether anything but blank space was met
        self.problems: list[Problem] = []  # met while decoding chunks, taken by whoever reads them
        try:
            if path.is_dir():
                raise BadData(f"{path} is a folder, not a file.")
            with path.open("rb") as file:
                self.zipped = file.read(2) == b"\x1f\x8b"
            with self.open() as file:
                head = file.read(HEAD)
        except FileNotFoundError:
            raise BadData(f"There is no file {path}.") from None
        except PermissionError:
            raise Unavailable(f"{path} cannot be read: permission denied.") from None
        except BROKEN as error:
            raise unreadable(path, error) from None
        if not head:
            raise BadData(f"{path} is empty.")
        self._look_at(head)

    def _look_at(self, head: bytes) -> None:
        self.bom = next((mark for mark, _ in _BOMS if head.startswith(mark)), b"")
        self.encoding = dict(_BOMS).get(self.bom, "utf-8")
        self.has_bom = bool(self.bom)
        self.parquet = head.startswith(b"PAR1")
        if self.parquet:
            return
        start = head[:64].lower()
        other = next((name for mark, name in _OTHER if start.startswith(mark.lower())), None)
        if other:
            raise BadData(f"{self.path} is {other}, not a data file.")
        if not self.bom and b"\0" in head:
            raise BadData(f"{self.path} is not a text file.")
        self.head = head[len(self.bom) :].decode(self.encoding, errors="replace")

    def open(self) -> BinaryIO:
        """The file's bytes, unpacked where it is gzipped."""
        if not self.zipped:
            self._raw = self.path.open("rb")
            return self._raw
        unpacked = gzip.GzipFile(self.path, "rb")
        self._raw = cast(BinaryIO, unpacked.fileobj)
        return cast(BinaryIO, unpacked)

    @property
    def size(self) -> int:
        """Bytes of the file as it lies on the disk."""
        return self.path.stat().st_size

    def done(self) -> int:
        """How many of them have been read."""
        return self.size if self._raw is None or self._raw.closed else self._raw.tell()

    @property
    def has_places(self) -> bool:
        return self.encoding == "utf-8"

    @property
    def suffix(self) -> str:
        """The file name's ending in lower case, without .gz."""
        suffixes = [s.lower() for s in self.path.suffixes]
        if suffixes and suffixes[-1] == ".gz":
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    def form(self) -> Literal["lines", "values", "table", "text", "parquet"]:
        """How the rows are written: one JSON value a line, JSON values over many lines, a table, text, or Parquet."""
        if self.parquet:
            return "parquet"
        if self.suffix in (".csv", ".tsv", ".tab"):
            return "table"
        if self.suffix in (".txt", ".md"):
            return "text"
        start = self.head.lstrip()
        if self.suffix not in (".json", ".jsonl", ".ndjson") and not start.startswith(("{", "[")):
            return "table" if self.path.suffix and "," in start.partition("\n")[0] else "text"
        return _json_form(start)

    def lines(self) -> Iterator[tuple[int, str] | Problem]:
        """(number, text without its line end) of every line, a Problem before each that had to be guessed."""
        offset, number = max(self.begin[0], len(self.bom)), self.begin[1]
        with self.open() as file:
            file.seek(offset)
            # Two-byte encodings have no one-byte line ends, so Python's text layer has to find them.
            wide = not self.has_places
            raw: Any = io.TextIOWrapper(file, self.encoding, errors="replace", newline="\n") if wide else file
            while line := raw.readline(LONGEST_LINE):
                length = len(line)
                if length == LONGEST_LINE and line[-1:] not in ("\n", b"\n"):
                    while rest := raw.readline(LONGEST_LINE):
                        length += len(rest)
                        if rest[-1:] in ("\n", b"\n"):
                            break
                    yield Problem("long-line", "error", number, "This line is too long to be a row.")
                    line = b""
                self.start = (offset, number)
                offset += 0 if wide else length
                self.after = (offset, number + 1)
                if wide:
                    text = line or ""
                else:
                    text, guessed = _decode(line)
                    if guessed:
                        yield encoding_problem(number)
                if not self.text_seen and text.strip():
                    self.text_seen = True
                yield number, text.rstrip("\r\n")
                number += 1

    def chunks(self, size: int = 1 << 20) -> Iterator[str]:
        """The text in pieces of about `size` bytes, however long its lines are; guesses go to `problems`."""
        with self.open() as file:
            file.seek(max(self.begin[0], len(self.bom)))
            if not self.has_places:
                wide = io.TextIOWrapper(file, self.encoding, errors="replace", newline="")
                yield from iter(lambda: wide.read(size), "")
                return
            number, left = self.begin[1], b""
            ready: list[str] = []
            length = 0
            while part := file.readline(size):
                whole, left = _whole_characters(left + part)
                text, guessed = _decode(whole)
                if guessed:
                    self.problems.append(encoding_problem(number))
                number += text.endswith("\n")
                ready.append(text)
                length += len(text)
                if length >= size:
                    yield "".join(ready)
                    ready, length = [], 0
            yield "".join(ready) + _decode(left)[0]


def unreadable(path: Path, error: BaseException) -> Unavailable:
    """The sentence for a file that cannot be read (on)."""
    return Unavailable(f"{path} cannot be read: {str(getattr(error, 'strerror', None) or error).rstrip('.')}.")


def encoding_problem(line: int) -> Problem:
    return Problem("encoding", "warning", line, "This is not UTF-8.", "It is read as Windows-1252.")


def _decode(raw: bytes) -> tuple[str, bool]:
    """(text, whether the encoding was guessed). Windows-1252 is what such files nearly always are."""
    try:
        return raw.decode("utf-8"), False
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), True


def _whole_characters(raw: bytes) -> tuple[bytes, bytes]:
    """The bytes split so that the first part does not end inside a UTF-8 character."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:  # the first byte of a character of several
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return (raw[:-back], raw[-back:]) if length > back else (raw, b"")
        if byte < 0x80:
            break
    return raw, b""


def _json_form(start: str) -> Literal["lines", "values"]:
    """Whether the JSON that starts so is one value a line, or anything else."""
    first, line_end, rest = start.partition("\n")
    if first.startswith("[") and not _complete(first):
        return "values"
    if first.startswith("[") and not rest.strip():
        return "values"  # an array on one line: its members are the rows
    if not line_end or _complete(first):
        return "lines" if not start.startswith("[") or rest.lstrip().startswith("[") else "values"
    # The first line is no JSON by itself: either it is broken, or the value goes on over several lines.
    return "lines" if rest.lstrip(" \t").startswith(("{", "[")) and first.rstrip().endswith("}") else "values"


def _complete(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
