"""A dataset: every usable row of its files, what was found, and a split without leaks."""

import dataclasses
import hashlib
import itertools
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data import checks, files
from core.data.example import Example, Remark, Unusable, key
from core.data.formats import LOOK_AT, detect
from core.data.mapping import Columns, fill, parse_fill
from core.data.read import Finding, Row, read
from core.errors import BadData


@dataclass(frozen=True)
class Dataset:
    """What the files hold, as examples; `rows` counts those of the files, usable or not."""

    path: str
    examples: tuple[Example, ...]
    findings: tuple[Finding, ...]
    sentence: str
    sha256: str  # of the file, or of all files one after the other
    rows: int
    valid: tuple[str, ...] = ()  # files of held-out rows that lie beside them in the folder


def load(
    path: str | Path | Iterable[str | Path],
    kind: str,
    *,
    columns: Iterable[str] = (),
    exclude: Collection[str] = (),
    fill_in: Iterable[str] = (),
) -> Dataset:
    """The examples in a file, a folder or several files, for a kind of data. "demo" is the sample that ships inside.

    columns   entries such as "question=frage", "answer={number} {unit}" to read columns under other names
    exclude   codes of findings; rows that have one are left out
    fill_in   entries such as "name=Hone" to put in the place of {{name}}

    Raises BadData when no row can be used, with the first reason; BadOption for an entry that is none; and
    what read() raises.
    """
    mapped, texts = Columns.parse(columns), parse_fill(fill_in)
    found = files.find(path, kind)
    findings: list[Finding] = []

    def tell(remarks: Iterable[Remark], line: int | None) -> None:
        for r in remarks:
            fix = "The row is left out, as chosen." if r.code in exclude and line else r.fix
            findings.append(Finding(r.code, r.severity, file, line, r.message, fix))

    rows = _rows(found.train, mapped, texts, findings)
    head = list(itertools.islice(rows, LOOK_AT))
    form = detect([row for _, row in head], kind)
    together = checks.Together()
    examples: list[Example] = []
    total = 0
    file = str(found.train[0])
    for file, row in itertools.chain(head, rows):
        total += 1
        try:
            built, remarks = form.examples(row)
        except Unusable as problem:
            tell([problem.remark], row.line)
            continue
        remarks = [*remarks, *(remark for example in built for remark in checks.row(example))]
        tell(remarks, row.line)
        if any(r.code in exclude for r in remarks):
            continue
        for example in built:
            if not (together.repeated(example) and "duplicate" in exclude):
                examples.append(dataclasses.replace(example, file=file) if len(found.train) > 1 else example)
    if not examples:
        raise BadData(_nothing(findings, str(path)))
    file = str(found.train[0])
    for line, remark in together.remarks("duplicate" in exclude):
        tell([remark], line)
    sentence = dataclasses.replace(form, rows=total).sentence
    name = file if len(found.train) == 1 else str(path)
    valid = tuple(str(f) for f in found.valid)
    order = {str(f): n for n, f in enumerate(found.train)}
    findings.sort(key=lambda f: (order[f.file], f.line or 0))
    return Dataset(name, tuple(examples), tuple(findings), sentence, _sha256(found.train), total, valid)


def split(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(to train on, held out), both in the file's order. Rows that say the same land on the same side.

    At least one row is held out if share is above 0 and two rows differ; never all of them.
    """
    keys = [key(example) for example in dataset.examples]
    groups = Counter(keys)
    if share <= 0 or len(groups) < 2:
        return dataset.examples, ()
    wanted = max(1, round(share * len(keys)))
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
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example, name in zip(dataset.examples, keys, strict=True):
        sides[name in held].append(example)
    return tuple(sides[0]), tuple(sides[1])


def overlap(train: Iterable[Example], held_out: Iterable[Example]) -> int:
    """How many held-out rows also stand in the training rows."""
    known = {key(e) for e in train}
    return sum(key(e) in known for e in held_out)


def _rows(
    paths: Sequence[Path], mapped: Columns, texts: dict[str, str], findings: list[Finding]
) -> Iterator[tuple[str, Row]]:
    """(file, row under the known names) of all files; findings go to the list."""
    for path in paths:
        for item in read(path):
            if isinstance(item, Finding):
                findings.append(item)
                continue
            try:
                value = mapped.apply(item.value)
            except Unusable as problem:
                r = problem.remark
                findings.append(Finding(r.code, r.severity, str(path), item.line, r.message, r.fix))
                continue
            yield str(path), Row(item.line, fill(value, texts) if texts else value)


def _nothing(findings: Sequence[Finding], path: str) -> str:
    """Why no row can be used: the first error, and how many rows have it."""
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return f"{path} holds no row to learn from."
    same = sum(f.code == errors[0].code for f in errors)
    rest = f" No row can be used; {same:,} have this problem." if len(errors) > 1 else " There is no other row."
    return f"{errors[0]}{rest}"


def _sha256(paths: Sequence[Path]) -> str:
    made = hashlib.sha256()
    for path in paths:
        with path.open("rb") as opened:
            while block := opened.read(1 << 20):
                made.update(block)
    return made.hexdigest()
