"""A dataset: every usable row of a file, what was found, and a split without leaks."""

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import resources
from core.data.example import Example, Unusable, key
from core.data.formats import LOOK_AT, Format, detect
from core.data.read import Finding, Row, read
from core.errors import BadData

DEMO = "demo"  # the sample that ships inside


@dataclass(frozen=True)
class Dataset:
    """What a file holds, as examples; `rows` counts those of the file, usable or not."""

    path: str
    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]
    sentence: str
    sha256: str
    rows: int


def load(path: str | Path, kind: str) -> Dataset:
    """The examples in a file, for a kind of data. "demo" is the sample that ships inside.

    Raises BadData when no row can be used, with the first reason, and what read() raises.
    """
    file = resources.sample(kind) if str(path) == DEMO else Path(path)
    findings: list[Finding] = []
    rows = _rows(read(file), findings)
    head = list(itertools.islice(rows, LOOK_AT))
    form = detect(head, kind)
    examples: list[Example] = []
    total = 0
    for row in itertools.chain(head, rows):
        total += 1
        try:
            example, remarks = form.example(row)
        except Unusable as problem:
            remarks = [problem.remark]
        else:
            examples.append(example)
        findings += [Finding(r.code, r.severity, str(file), row.line, r.message, r.fix) for r in remarks]
    form = Format(form.kind, form.shapes, form.columns, total, form.found)
    if not examples:
        raise BadData(_nothing(findings))
    findings += _repeated(examples, str(file))
    return Dataset(str(file), tuple(examples), tuple(findings), form.sentence, _sha256(file), total)


def split(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(to train on, held out), both in the file's order. Rows that say the same land on the same side.

    At least one row is held out if share is above 0 and two rows differ; never all of them.
    """
    groups: dict[str, int] = Counter(key(e) for e in dataset.examples)
    if share <= 0 or len(groups) < 2:
        return dataset.examples, ()
    wanted = max(1, round(share * len(dataset.examples)))
    order = list(groups)
    random.Random(seed).shuffle(order)
    held: set[str] = set()
    count = 0
    for name in order[:-1]:  # the last group stays to be trained on
        # A group much larger than what is missing would hold out far more than was asked for.
        if held and count + groups[name] > wanted:
            continue
        held.add(name)
        count += groups[name]
        if count >= wanted:
            break
    train = tuple(e for e in dataset.examples if key(e) not in held)
    return train, tuple(e for e in dataset.examples if key(e) in held)


def overlap(train: Iterable[Example], held_out: Iterable[Example]) -> int:
    """How many held-out rows also stand in the training rows."""
    known = {key(e) for e in train}
    return sum(key(e) in known for e in held_out)


def _rows(items: Iterable[Row | Finding], findings: list[Finding]) -> Iterator[Row]:
    for item in items:
        if isinstance(item, Row):
            yield item
        else:
            findings.append(item)


def _nothing(findings: Sequence[Finding]) -> str:
    """Why no row can be used: the first error, and how many rows have it."""
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return f"{findings[0].file if findings else 'The file'} holds no rows."
    same = sum(f.code == errors[0].code for f in errors)
    rest = f" No row can be used; {same:,} have this problem." if len(errors) > 1 else " There is no other row."
    return f"{errors[0]}{rest}"


def _repeated(examples: Sequence[Example], file: str) -> list[Finding]:
    """One finding for rows that say the same as an earlier one."""
    first: dict[str, int] = {}
    again = [e.line for e in examples if first.setdefault(key(e), e.line) != e.line]
    if not again:
        return []
    count = "1 row says" if len(again) == 1 else f"{len(again):,} rows say"
    message = f"{count} the same as an earlier row; this is the first."
    return [Finding("duplicate", "warning", file, again[0], message, "The split keeps them on one side.")]


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
