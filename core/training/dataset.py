"""A run's data: read, split, encoded, and what a person should know about it."""

import functools
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from core.data.batch.groups import Group, learns, parts
from core.data.check.exclude import kinds
from core.data.dataset import Dataset, apart, load, overlap, split
from core.data.format.example import Example
from core.data.kinds import PAIRS, UNPAIRED
from core.data.read.files import dataset_label
from core.data.tokenize.cache import encoded, encoded_all
from core.data.tokenize.encode import Encoded
from core.data.tokenize.encoding import Cancelled
from core.errors import BadData, BadOption, Unavailable
from core.events import Event, Phase, Warned
from core.model import hub
from core.resources import sample
from core.rollouts import setup
from core.run import DEMO, Run
from core.worker import run_in_thread

Row = Encoded | Group

UNEVEN = 3.0  # times that one kind of marked answers may outweigh the other before it is told


class Rows(NamedTuple):
    """What a run learns from. Every text of every row has at least one target."""

    train: Sequence[Any]  # of Row, or of core.rollouts.prompts.Query
    held_out: Sequence[Any]
    examples: list[Example]  # to take prompts from: the held-out ones, or those to train on where none are
    facts: dict[str, Any]  # for resolved.json


def load_rows(run: Run, tokenizer: Any) -> Generator[Event, None, Rows]:
    """Read, split and encode, yielding progress and warnings; the generator's value is the rows.

    Raises BadData, BadOption, Unavailable.
    """
    d = run.data
    if run.spec.data in (PAIRS, UNPAIRED) and d.train_on != "answers":
        raise BadOption(f"train_on does nothing with {run.spec.title}, which learns from whole answers alone.")
    read = functools.partial(load, kind=run.spec.data, columns=d.columns, fill_in=d.fill_in)
    dataset = read((yield from hub.fetch_data(d.path)), exclude=d.exclude)
    second = [(yield from hub.fetch_data(d.eval_path))] if d.eval_path else _beside(run, dataset)
    if second:
        train, held = dataset.examples, read(second, exclude=kinds(d.exclude)).examples
        if "overlap" in d.exclude:
            train = apart(train, held)
        shared = overlap(train, held)
        if shared:
            both = f"{shared} of {len(held)} validation rows also stand in the training data"
            yield Warned("overlap", f"{both}; the held-out loss flatters.")
    else:
        train, held = split(dataset, d.eval_split, run.train.seed)
    for finding in _worst(dataset):
        yield Warned(finding.code, str(finding))

    if run.spec.on_policy:
        return (yield from _questions(run, tokenizer, train, held, dataset, second))
    written = yield from _encode(train, tokenizer, run)
    rows = _learned(written)
    held_rows = _learned((yield from _encode(held, tokenizer, run)))
    yield from _remarks(run, written, rows, held_rows)
    rows, held_rows = _arranged(run, rows), _arranged(run, held_rows)
    cut = sum(1 for r in rows if r.cut)
    facts = {
        "path": d.path,
        "eval_path": ", ".join(second) or None,
        "format": dataset.sentence,
        "sha256": dataset.sha256,
        "rows": len(rows),
        "eval_rows": len(held_rows),
        "tokens": sum(len(text.tokens) for r in rows for text in parts(r)),
        "trained_tokens": sum(int(text.mask.sum()) for r in rows for text in parts(r)),
        "cut": cut,
        "dropped": len(written) - len(rows),
        "findings": len(dataset.findings),
    }
    return Rows(rows, held_rows, list(held or train), facts)


def _questions(
    run: Run,
    tokenizer: Any,
    train: Sequence[Example],
    held: Sequence[Example],
    dataset: Dataset,
    second: Sequence[str],
) -> Generator[Event, None, Rows]:
    """The rows of a run that writes its answers itself."""
    asked, held_out, dropped = yield from setup.questions(run, tokenizer, train, held)
    facts = {
        "path": run.data.path,
        "eval_path": ", ".join(second) or None,
        "format": dataset.sentence,
        "sha256": dataset.sha256,
        "rows": len(asked),
        "eval_rows": len(held_out),
        "tokens": sum(len(q.tokens) for q in asked),
        "trained_tokens": 0,  # what is learned is not written yet
        "cut": 0,
        "dropped": dropped,
        "findings": len(dataset.findings),
    }
    return Rows(asked, held_out, list(held or train), facts)


def _beside(run: Run, dataset: Dataset) -> list[str]:
    """The validation files where none is given: the demo's own, or those that lie in the folder. None: split."""
    if not run.data.eval_split:
        return []
    return [str(sample(run.spec.data, held_out=True))] if run.data.path == DEMO else list(dataset.valid)


def _encode(examples: Sequence[Example], tokenizer: Any, run: Run) -> Generator[Phase, None, Sequence[Row]]:
    """The examples as tokens and masks, from the cache where they are in it."""

    def work(report: Any, cancelled: Any) -> Sequence[Row]:
        def told(done: int, total: int) -> None:
            if done < total:
                report(Phase("Preparing data", f"{done:,} of {total:,} rows tokenized", done / total))

        d = run.data
        about: Any = dict(train_on=d.train_on, max_len=d.max_seq_len, progress=told, cancelled=cancelled.is_set)
        if run.spec.data not in (PAIRS, UNPAIRED):
            return encoded(examples, tokenizer, **about)
        texts = encoded_all(examples, tokenizer, **about)
        return [Group(t, _values(e)) for t, e in zip(texts, examples, strict=True)]

    try:
        return (yield from run_in_thread("tokenize", work))
    except Cancelled:
        raise Unavailable("Tokenizing the data was stopped.") from None


def _values(example: Example) -> dict[str, float]:
    return {} if example.label is None else {"label": float(example.label)}


def _learned(written: Sequence[Row]) -> Sequence[Row]:
    """The rows that have something to learn in every text. Where that is all of them, as nearly always, they stay as
    they are: those from the cache are made when they are asked for, and as objects would take several times the
    memory."""
    return written if all(map(learns, written)) else [row for row in written if learns(row)]


def _arranged(run: Run, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows as the method wants them."""
    if run.spec.arrange is None or not rows:
        return rows
    seed = run.train.seed if run.data.shuffle else None
    return run.spec.arrange(rows, run.train.batch_size, run.data.max_seq_len, seed)


def _remarks(run: Run, written: Sequence[Row], rows: Sequence[Row], held: Sequence[Row]) -> Iterator[Warned]:
    """What a person should know about the rows as the model will see them. Raises BadData when none is left."""
    longest, count = run.data.max_seq_len, len(written)
    for note, number in Counter(r.note for r in written if r.note).most_common(3):
        yield Warned("row-note", f"{number} of {count} rows: {note}")
    if not rows:
        raise BadData(f"{dataset_label(run.data.path)}: no row has anything to learn from within {longest} tokens.")
    dropped, cut = count - len(rows), sum(1 for r in rows if r.cut)
    if dropped:
        nothing = f"{dropped} of {count} rows have nothing to learn within {longest} tokens"
        yield Warned("no-target", f"{nothing} and are left out.")
    if cut:
        yield Warned("cut", f"{cut} of {count} rows are longer than {longest} tokens and are cut at the end.")
    if run.spec.data == UNPAIRED:
        yield from _imbalance(run, [r for r in rows if isinstance(r, Group)])
    alike = sum(1 for r in rows if _alike(r))
    if alike:
        same = f"In {alike} of {count} rows both answers are the same within {longest} tokens"
        yield Warned("same-answers", f"{same}: nothing can be learned from them.")
    if len(rows) < run.train.batch_size:
        few = f"There are only {len(rows)} rows for a batch size of {run.train.batch_size}"
        yield Warned("small-data", f"{few}: every step sees all of them.")
    if not held and run.data.eval_split:
        yield Warned(
            "no-held-out", "There are too few rows to hold any out: nothing can be said about unseen examples."
        )


def _imbalance(run: Run, rows: Sequence[Group]) -> Iterator[Warned]:
    """Advice where good answers, or bad ones, count for much less together than the others."""
    good = sum(1 for r in rows if r.values["label"])
    bad, o = len(rows) - good, run.options
    if not good or not bad:
        return  # that all marks are the same is told by the checks of the data
    share = good * o.desirable_weight / max(bad * o.undesirable_weight, 1e-9)
    if share > UNEVEN or share < 1 / UNEVEN:
        name, weight = ("undesirable_weight", good / bad) if share > 1 else ("desirable_weight", bad / good)
        few = f"{good:,} answers are marked good and {bad:,} bad"
        advice = f"{name} {weight:.2g} with the other at 1 would let both kinds count the same"
        yield Warned("uneven-marks", f"{few}; {advice}.")


def _alike(row: Row) -> bool:
    """Whether a pair has lost its difference behind the cut."""
    first, *others = parts(row)
    return any(np.array_equal(first.tokens, other.tokens) for other in others)


def _worst(dataset: Dataset) -> list[Any]:
    """The first finding of each kind that is no mere note."""
    first: dict[str, Any] = {}
    for finding in dataset.findings:
        if finding.severity != "note":
            first.setdefault(finding.code, finding)
    return list(first.values())
