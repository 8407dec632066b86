"""A dataset: every usable example of its files, the findings about them, and a split that leaks no row."""

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.data.check.checked_rows import CheckedRows
from core.data.format.example import Example
from core.data.format.formats import DETECTION_ROWS
from core.data.read import files
from core.data.read.reader import MAX_LISTED, Finding, sort_findings
from core.errors import BadData
from core.text.sentence import join, say


@dataclass(frozen=True)
class Dataset:
    """What the files of a dataset hold, as examples.

    All examples are in memory, about three times the bytes of the files: a million short rows take 1.2 GB. Code that
    only looks at data uses core.data.preview.scan instead, at flat memory.
    """

    path: str
    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]  # the first MAX_LISTED of each code
    sentence: str  # the format and the number of rows
    sha256: str  # of the file, or of all files one after the other
    rows: int  # rows of the files, usable or not
    finding_counts: Mapping[str, int] = field(default_factory=dict)  # of each code, all of them
    valid: tuple[str, ...] = ()  # files of held-out rows that lie beside these in the folder
    files_with_held_out: tuple[
        str, ...
    ] = ()  # files that set rows aside themselves, as {"train": […], "test": […]} does


def load_dataset(
    path: str | Path | Iterable[str | Path],
    kind: str,
    *,
    columns: Iterable[str] = (),
    exclude: Collection[str] = (),
    fill_in: Iterable[str] = (),
    held_out_part: bool = False,
) -> Dataset:
    """The examples in a file, a folder or several files, for a kind of data (core.data.kinds).

    path      as core.data.read.files.find_files takes it; "demo" is the sample that ships inside
    columns   column mapping: entries such as "question=frage" and "answer={number} {unit}"
    exclude   codes of findings (those of core.data.check.fixes.EXCLUSIONS) whose rows are left out; and single rows,
              such as "row:17", counted from 1 over all files
    fill_in   texts for placeholders: an entry "name=Hone" replaces {{name}}
    held_out_part   read what the files set aside, as in {"train": […], "test": […]}, not what is to be trained on

    Raises BadData when no row can be used, with the first reason; BadOption for an entry that is not of these forms;
    and what find_files() and read_rows() raise.
    """
    options: dict[str, Any] = {"columns": columns, "exclude": exclude, "fill_in": fill_in}
    reader = DatasetReader(path, kind, **options, held_out_part=held_out_part)
    examples = tuple(reader.iterate())
    return replace(reader.dataset(), examples=examples)


class DatasetReader:
    """One pass through a dataset: its examples one by one, so that not all need be in memory, and what else there is to
    know at the end."""

    def __init__(
        self,
        path: str | Path | Iterable[str | Path],
        kind: str,
        *,
        columns: Iterable[str] = (),
        exclude: Collection[str] = (),
        fill_in: Iterable[str] = (),
        held_out_part: bool = False,
    ) -> None:
        """See load_dataset() for the arguments, and for what is raised by this and by the other methods."""
        self._path, self._files = path, files.find_files(path, kind)
        self._rows = CheckedRows(
            self._files.train,
            kind,
            columns=columns,
            exclude=exclude,
            fill_in=fill_in,
            unread_files=self._files.unread,
            held_out_files=self._files.held_out,
            held_out_part=held_out_part,
        )
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._examples = 0

    def iterate(self) -> Generator[Example, None, None]:
        """Every usable example. Once only."""
        with closing(self._rows.iterate(DETECTION_ROWS)) as items:
            for item in items:
                if isinstance(item, Finding):
                    self._counts[item.code] += 1
                    if self._counts[item.code] <= MAX_LISTED:
                        self._findings.append(item)
                else:
                    self._examples += 1
                    yield item

    @property
    def key(self) -> str:
        """content_key() of the example that was given last."""
        return self._rows.key

    @property
    def fraction(self) -> float:
        """The share of the files that has been read, from 0 to 1."""
        return min(1.0, self._rows.bytes_read() / self._rows.size) if self._rows.size else 1.0

    def dataset(self) -> Dataset:
        """What the files hold, without the examples, once all were given. Raises BadData where there were none."""
        findings, counts, train = self._findings, self._counts, self._files.train
        if not self._examples:
            raise BadData(_no_usable_row(findings, counts, files.dataset_label(self._path)))
        return Dataset(
            path=self._rows.files[0] if len(train) == 1 else files.dataset_label(self._path),
            examples=(),
            findings=tuple(sort_findings(findings, self._rows.files)),
            sentence=self._rows.format.sentence,
            sha256=files.hash_files(train),
            rows=self._rows.rows_used,
            finding_counts=counts,
            valid=tuple(str(file) for file in self._files.held_out),
            files_with_held_out=tuple(self._rows.files_with_held_out),
        )


def _no_usable_row(findings: Sequence[Finding], counts: Mapping[str, int], path: str) -> str:
    """The sentence for a dataset in which no row can be used: the most frequent problem where it is met first, and how
    many rows have it."""
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return say("{path} holds no row to learn from.", path=path)
    code = max(dict.fromkeys(f.code for f in errors), key=lambda code: counts[code])
    first = next(f for f in errors if f.code == code)
    summary = say("No row can be used; {count:,} have this problem.", count=counts[code])
    advice = [first.fix] if first.fix else []
    return join([str(first), *advice, summary if len(errors) > 1 else say("There is no other row.")])
