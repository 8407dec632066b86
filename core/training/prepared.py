"""The rows of a run as they are prepared for training, with what is said about them; and both in the cache."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.data.batch.groups import GroupRows
from core.data.format.example import Example
from core.data.tokenize import cache, cache_file
from core.data.tokenize.token_store import TokenStore
from core.events import Warned
from core.text.sentence import pack, unpack
from core.training.row_counts import RowCounts

Rows = TokenStore | GroupRows
MOST_SAMPLES = 50  # examples that are kept to take prompts from: no run asks for more
_TEXTS_OF = ("messages", "chosen", "rejected", "tools")  # fields of an Example that are tuples where they are no text


@dataclass(frozen=True)
class Source:
    """Where rows come from, and what was said of it."""

    format: str  # a sentence
    sha256: str
    findings: int  # how many there are
    eval_paths: tuple[str, ...]
    warnings: tuple[Warned, ...]
    examples: tuple[Example, ...]  # the first MOST_SAMPLES of those held out, or of those to train on where none are


@dataclass(frozen=True)
class Prepared:
    """Every text of every row has at least one target."""

    train: Rows
    held_out: Rows
    counts: RowCounts  # of those to train on
    source: Source


def as_rows(texts: TokenStore, labels: Sequence[float] | None, per_row: int | None) -> Rows:
    """Texts as rows: each by itself with `per_row` None, else in groups of so many, which may have labels."""
    if per_row is None:
        return texts
    return GroupRows(texts, per_row, {} if labels is None else {"label": np.array(labels, np.float32)})


def read_prepared(key: str) -> Prepared | None:
    """The rows that are cached under a key of core.data.tokenize.cache; None where there are none."""
    entry = cache_file.read_entry(cache.cache_folder(), key)
    if entry is None:
        return None
    about, counts = entry.about["source"], entry.about["counts"]
    sides = [as_rows(entry.stores[name], *entry.about[name]) for name in ("train", "held_out")]
    about["warnings"] = tuple(Warned(**warned) for warned in unpack(about["warnings"]))
    about["examples"] = tuple(map(_example_from, about["examples"]))
    about["eval_paths"] = tuple(about["eval_paths"])
    counts["notes"] = tuple((note, number) for note, number in unpack(counts["notes"]))
    return Prepared(sides[0], sides[1], RowCounts(**counts), Source(**about))


def write_prepared(key: str, prepared: Prepared) -> Prepared | None:
    """Write rows to the cache and return them as they lie there; None where the disk does not allow it, they are too
    many, or a value of an example is none that JSON can hold."""
    sides = {"train": prepared.train, "held_out": prepared.held_out}
    stores = {name: _texts_of(rows) for name, rows in sides.items()}
    source, counts = asdict(prepared.source), asdict(prepared.counts)
    source["warnings"], counts["notes"] = pack(source["warnings"]), pack(counts["notes"])
    try:
        written = json.loads(json.dumps(source["examples"]))
    except (TypeError, ValueError):
        return None
    if tuple(map(_example_from, written)) != prepared.source.examples:
        return None
    about = {"source": source, "counts": counts, **{n: _describe(rows) for n, rows in sides.items()}}
    is_written = cache_file.write_entry(cache.cache_folder(), key, stores, about)
    return read_prepared(key) if is_written else None


def _texts_of(rows: Rows) -> TokenStore:
    return rows.texts if isinstance(rows, GroupRows) else rows


def _describe(rows: Rows) -> tuple[list[float] | None, int | None]:
    """`labels` and `per_row` of as_rows()."""
    if not isinstance(rows, GroupRows):
        return None, None
    return (rows.values["label"].tolist() if rows.values else None), rows.per_row


def _example_from(values: dict[str, Any]) -> Example:
    """An example from what asdict() and JSON made of it."""
    parts: dict[str, Any] = {k: tuple(v) if k in _TEXTS_OF and isinstance(v, list) else v for k, v in values.items()}
    return Example(**parts)
