"""A dataset: every usable row of its files, what was found, and a split without leaks."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.check.checked_rows import Walk
from core.data.format.example import Example, key
from core.data.format.formats import LOOK_AT
from core.data.read import files
from core.data.read.reader import Finding, in_order
from core.errors import BadData


@dataclass(frozen=True)
class Dataset:
    """What the files hold, as examples; `rows` counts those of the files, usable or not.

    All examples are in memory, about three times the bytes of the files: a million short rows take 1.2 GB. What only
    looks at data goes through core.data.preview.scan instead, at flat memory.
    """

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
    exclude   codes of findings, those of core.data.check.fixes.EXCLUSIONS, whose rows are left out; and single rows,
              such as "row:17", counted from 1 over all files
    fill_in   entries such as "name=Hone" to put in the place of {{name}}

    Raises BadData when no row can be used, with the first reason; BadOption for an entry that is none; and
    what read() raises.
    """
    found = files.find(path, kind)
    walk = Walk(found.train, kind, columns=columns, exclude=exclude, fill_in=fill_in, unread=found.unread)
    findings: list[Finding] = []
    examples: list[Example] = []
    for item in walk.items(LOOK_AT):
        if isinstance(item, Finding):
            findings.append(item)
        else:
            examples.append(item)
    if not examples:
        raise BadData(_nothing(findings, files.dataset_label(path)))
    name = walk.files[0] if len(found.train) == 1 else files.dataset_label(path)
    valid = tuple(str(f) for f in found.valid)
    told = tuple(in_order(findings, walk.files))
    return Dataset(name, tuple(examples), told, walk.sentence, files.sha256(found.train), walk.used, valid)


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


def apart(train: Iterable[Example], held_out: Iterable[Example]) -> tuple[Example, ...]:
    """The training rows without those that also stand among the held-out ones."""
    known = {key(e) for e in held_out}
    return tuple(e for e in train if key(e) not in known)


def _nothing(findings: Sequence[Finding], path: str) -> str:
    """Why no row can be used: the first error, and how many rows have it."""
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return f"{path} holds no row to learn from."
    same = sum(f.code == errors[0].code for f in errors)
    rest = f" No row can be used; {same:,} have this problem." if len(errors) > 1 else " There is no other row."
    return f"{errors[0]}{rest}"
