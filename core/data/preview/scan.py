"""Files of any size for the previewer: the first rows at once, then all of them with progress, at flat memory."""

from collections import Counter
from collections.abc import Collection, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.check.checked_rows import CheckedRows
from core.data.check.row_parser import RowParser
from core.data.check.seen_keys import SeenKeys
from core.data.format.example import Example, content_key
from core.data.format.formats import DETECTION_ROWS, Format
from core.data.read import files
from core.data.read.index import RowIndex
from core.data.read.reader import Finding

MAX_LISTED = 1000  # findings of a kind that are listed; beyond that they are counted
_ROWS, _BYTES = 1000, 4 << 20  # between two reports of progress, whichever comes first

Paths = str | Path | Iterable[str | Path]


@dataclass(frozen=True)
class FilePreview:
    """The first rows of a dataset and what was found up to them."""

    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]
    meaning: RowParser  # how rows are to be understood, told from the rows looked at, not from all
    index: RowIndex  # of the rows looked at

    @property
    def form(self) -> Format:
        return self.meaning.form


@dataclass(frozen=True)
class ScanProgress:
    """How far a scan has come. The rows up to there can be read through `index`."""

    done: int  # bytes of the files as they lie on the disk
    size: int
    index: RowIndex

    @property
    def fraction(self) -> float:
        return self.done / self.size if self.size else 1.0


@dataclass(frozen=True)
class ScanResult:
    """What a scan comes to."""

    sentence: str
    meaning: RowParser
    usable: int  # examples
    left_out: int  # errors: rows, or pieces of the file, that nothing can be learned from
    problems: dict[str, int]  # how often each kind of finding was met, listed or not
    index: RowIndex


def preview_files(
    path: Paths,
    kind: str,
    count: int = 200,
    *,
    columns: Iterable[str] = (),
    exclude: Collection[str] = (),
    fill_in: Iterable[str] = (),
) -> FilePreview:
    """The first `count` examples, without reading much further. Raises what load() raises, but not for a file in
    which no row can be used."""
    found = files.find_files(path, kind)
    walk = CheckedRows(found.train, kind, columns=columns, exclude=exclude, fill_in=fill_in, unread=found.unread)
    examples: list[Example] = []
    findings: list[Finding] = []
    items = walk.items(count)
    for item in items:
        if isinstance(item, Finding):
            findings.append(item)
        else:
            examples.append(item)
        if len(examples) >= count or len(findings) >= MAX_LISTED:
            break
    items.close()
    return FilePreview(tuple(examples), tuple(findings), walk.meaning, walk.index())


def scan_files(
    path: Paths,
    kind: str,
    *,
    columns: Iterable[str] = (),
    exclude: Collection[str] = (),
    fill_in: Iterable[str] = (),
    held: Paths | None = None,
) -> Generator[ScanProgress | Finding | ScanResult, None, None]:
    """All rows checked as load() does, without keeping them: findings as they are met (at most LISTED of a kind),
    Progress in between, Scanned at the end. Closing the generator ends the work. Rows that also stand in the files
    `held` are found. Raises what load() raises, but not when no row can be used."""
    known = (
        None
        if held is None
        else _keys(CheckedRows(files.find_files(held, kind).train, kind, columns=columns, fill_in=fill_in))
    )
    found = files.find_files(path, kind)
    options: dict[str, Any] = {"columns": columns, "exclude": exclude, "fill_in": fill_in}
    walk = CheckedRows(found.train, kind, **options, held=known, unread=found.unread)
    problems: Counter[str] = Counter()
    usable = left_out = rows = done = 0
    yield ScanProgress(0, walk.size, walk.index())
    for item in walk.items(DETECTION_ROWS):
        if isinstance(item, Finding):
            problems[item.code] += 1
            left_out += item.severity == "error"
            if problems[item.code] <= MAX_LISTED:
                yield item
        else:
            usable += 1
        if walk.rows >= rows + _ROWS or walk.place >= done + _BYTES:
            rows, done = walk.rows, walk.place
            yield ScanProgress(walk.done(), walk.size, walk.index())
    yield ScanProgress(walk.size, walk.size, walk.index())
    yield ScanResult(walk.sentence, walk.meaning, usable, left_out, dict(problems), walk.index())


def _keys(walk: CheckedRows) -> SeenKeys:
    """The keys of all rows, however many."""
    known = SeenKeys()
    for item in walk.items(DETECTION_ROWS):
        if not isinstance(item, Finding):
            known.add(content_key(item))
    return known
