"""A dataset: every usable example of its files, the findings about them, and a split that leaks no row."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.data.check.checked_rows import CheckedRows
from core.data.format.example import Example, content_key
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
    dataset_files = files.find_files(path, kind)
    train = dataset_files.train
    checked_rows = CheckedRows(
        train,
        kind,
        columns=columns,
        exclude=exclude,
        fill_in=fill_in,
        unread_files=dataset_files.unread,
        held_out_files=dataset_files.held_out,
        held_out_part=held_out_part,
    )
    findings: list[Finding] = []
    counts: Counter[str] = Counter()
    examples: list[Example] = []
    for item in checked_rows.iterate(DETECTION_ROWS):
        if isinstance(item, Finding):
            counts[item.code] += 1
            if counts[item.code] <= MAX_LISTED:
                findings.append(item)
        else:
            examples.append(item)
    if not examples:
        raise BadData(_no_usable_row(findings, counts, files.dataset_label(path)))
    return Dataset(
        path=checked_rows.files[0] if len(train) == 1 else files.dataset_label(path),
        examples=tuple(examples),
        findings=tuple(sort_findings(findings, checked_rows.files)),
        sentence=checked_rows.format.sentence,
        sha256=files.hash_files(train),
        rows=checked_rows.rows_used,
        finding_counts=counts,
        valid=tuple(str(file) for file in dataset_files.held_out),
        files_with_held_out=tuple(checked_rows.files_with_held_out),
    )


def split_dataset(dataset: Dataset, share: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """(to train on, held out), both in the file's order. Examples with the same content land on the same side.

    About `share` (0 to 1) of the examples are held out, chosen at random by `seed`: at least one if `share` is above 0
    and two examples differ; never all of them.
    """
    keys = [content_key(example) for example in dataset.examples]
    group_sizes = Counter(keys)
    if share <= 0 or len(group_sizes) < 2:
        return dataset.examples, ()
    target = max(1, round(share * len(keys)))
    order = list(group_sizes)
    random.Random(seed).shuffle(order)
    held_out_keys: set[str] = set()
    count = 0
    for key in order[:-1]:  # the last group stays to be trained on
        # A group much larger than what is missing would hold out far more than was asked for.
        if held_out_keys and count + group_sizes[key] > target:
            continue
        held_out_keys.add(key)
        count += group_sizes[key]
        if count >= target:
            break
    sides: tuple[list[Example], list[Example]] = ([], [])
    for example, key in zip(dataset.examples, keys, strict=True):
        sides[key in held_out_keys].append(example)
    return tuple(sides[0]), tuple(sides[1])


def count_overlap(train: Iterable[Example], held_out: Iterable[Example]) -> int:
    """How many held-out examples also stand among the training examples."""
    train_keys = {content_key(e) for e in train}
    return sum(content_key(e) in train_keys for e in held_out)


def drop_overlap(train: Iterable[Example], held_out: Iterable[Example]) -> tuple[Example, ...]:
    """The training examples without those that also stand among the held-out ones."""
    held_out_keys = {content_key(e) for e in held_out}
    return tuple(e for e in train if content_key(e) not in held_out_keys)


def _no_usable_row(findings: Sequence[Finding], counts: Mapping[str, int], path: str) -> str:
    """The sentence for a dataset in which no row can be used: the most frequent problem where it is met first, and how
    many rows have it."""
    errors = [f for f in findings if f.severity == "error"]
    if not errors:
        return say("{path} holds no row to learn from.", path=path)
    code = max(dict.fromkeys(f.code for f in errors), key=lambda code: counts[code])
    first = next(f for f in errors if f.code == code)
    summary = say("No row can be used; {count:,} have this problem.", count=counts[code])
    return join([str(first), summary if len(errors) > 1 else say("There is no other row.")])
