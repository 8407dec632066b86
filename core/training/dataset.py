"""A run's data: read, split into training and held-out rows, encoded, with warnings about what is unusual in it."""

import functools
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from core.data.batch.groups import Group, has_targets, row_texts
from core.data.check.exclude import finding_codes
from core.data.dataset import Dataset, count_overlap, drop_overlap, load_dataset, split_dataset
from core.data.format.example import Example
from core.data.kinds import PAIRS, UNPAIRED
from core.data.read.files import dataset_label
from core.data.tokenize.cache import load_or_encode
from core.data.tokenize.encode import Encoded
from core.data.tokenize.encoding import Cancelled
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.errors import BadData, BadOption, Unavailable
from core.events import Event, Phase, Warned
from core.model import hub
from core.resolved import DatasetFacts
from core.resources import sample
from core.rollouts.setup import prepare_prompts
from core.run import DEMO, Run
from core.worker import run_in_thread

Row = Encoded | Group

MAX_LABEL_RATIO = 3.0  # times that answers with one label may outweigh the others before a warning


class EncodedDataset(NamedTuple):
    """What a run learns from. Every text of every row has at least one target."""

    train: Sequence[Any]  # of Row, or of core.rollouts.prompts.Prompt where the model writes the answers
    held_out: Sequence[Any]
    examples: list[Example]  # to take prompts from: the held-out ones, or those to train on where none are
    facts: DatasetFacts


class _Splits(NamedTuple):
    """The examples as they were read, before they are encoded."""

    dataset: Dataset
    eval_paths: list[str]  # files of held-out rows, or which set them aside; none where the rows are split
    train: Sequence[Example]
    held_out: Sequence[Example]

    @property
    def for_prompts(self) -> list[Example]:
        return list(self.held_out or self.train)


def load_rows(run: Run, tokenizer: Any) -> Generator[Event, None, EncodedDataset]:
    """Read, split and encode a run's data, yielding progress and warnings; the generator's value is the dataset.

    Raises BadOption for options that contradict the data, BadData where no row can be used, and Unavailable where a
    download or the tokenizing was stopped.
    """
    if run.spec.data in (PAIRS, UNPAIRED) and run.data.train_on != "answers":
        raise BadOption(f"train_on does nothing with {run.spec.title}, which learns from whole answers alone.")
    splits = yield from _read_splits(run)
    end = find_end_of_turn(tokenizer)
    if not end.stops:
        yield Warned("no-stop", end.describe())
    if run.spec.on_policy:
        return (yield from _encode_prompts(run, splits, tokenizer))
    encoded_rows = yield from _encode(splits.train, tokenizer, run)
    rows = _drop_without_targets(encoded_rows)
    held_out = _drop_without_targets((yield from _encode(splits.held_out, tokenizer, run)))
    yield from _row_warnings(run, encoded_rows, rows, held_out)
    if end.stops and not any(_teaches_to_stop(row, end.stops) for row in rows):
        yield Warned("no-stop", f"No row is learned up to its {end.token}: the model will not learn to stop.")
    rows, held_out = _arrange(run, rows), _arrange(run, held_out)
    facts = _facts(
        run,
        splits,
        rows=len(rows),
        eval_rows=len(held_out),
        tokens=sum(len(text.tokens) for row in rows for text in row_texts(row)),
        trained_tokens=sum(int(text.mask.sum()) for row in rows for text in row_texts(row)),
        cut=sum(1 for row in rows if row.cut),
        dropped=len(encoded_rows) - len(rows),
    )
    return EncodedDataset(rows, held_out, splits.for_prompts, facts)


def _read_splits(run: Run) -> Generator[Event, None, _Splits]:
    """The data files, split as asked for; a validation file is read beside them. Raises BadData, BadOption."""
    d = run.data
    read = functools.partial(load_dataset, kind=run.spec.data, columns=d.columns, fill_in=d.fill_in)
    dataset = read((yield from hub.fetch_data(d.path)), exclude=d.exclude)
    exclude = finding_codes(d.exclude)
    eval_paths = [(yield from hub.fetch_data(d.eval_path))] if d.eval_path else _default_eval_paths(run, dataset)
    held_out: Sequence[Example] = read(eval_paths, exclude=exclude).examples if eval_paths else ()
    if not eval_paths and d.eval_split and dataset.files_with_held_out:
        try:
            held_out = read(dataset.files_with_held_out, exclude=exclude, held_out_part=True).examples
            eval_paths = list(dataset.files_with_held_out)
        except BadData as error:
            yield Warned("held-out", f"The rows that the file sets aside cannot be held out: {error}")
    if held_out:
        train: Sequence[Example] = dataset.examples
        if "overlap" in d.exclude:
            train = drop_overlap(train, held_out)
        shared = count_overlap(train, held_out)
        if shared:
            sentence = f"{shared} of {len(held_out)} validation rows also stand in the training data"
            yield Warned("overlap", f"{sentence}; the held-out loss flatters.")
    else:
        train, held_out = split_dataset(dataset, d.eval_split, run.train.seed)
    for finding in _first_findings(dataset):
        yield Warned(finding.code, str(finding))
    return _Splits(dataset, eval_paths, train, held_out)


def _default_eval_paths(run: Run, dataset: Dataset) -> list[str]:
    """The validation files where none is given: the demo's own, or those that lie in the folder. None: split."""
    if not run.data.eval_split:
        return []
    return [str(sample(run.spec.data, held_out=True))] if run.data.path == DEMO else list(dataset.valid)


def _encode_prompts(run: Run, splits: _Splits, tokenizer: Any) -> Generator[Event, None, EncodedDataset]:
    """The prompts of a run whose answers the model writes itself."""
    prompts = yield from prepare_prompts(run, tokenizer, splits.train, splits.held_out)
    facts = _facts(
        run,
        splits,
        rows=len(prompts.train),
        eval_rows=len(prompts.held_out),
        tokens=sum(len(prompt.tokens) for prompt in prompts.train),
        trained_tokens=0,  # what is learned is not written yet
        cut=0,
        dropped=prompts.dropped,
    )
    return EncodedDataset(prompts.train, prompts.held_out, splits.for_prompts, facts)


def _facts(run: Run, splits: _Splits, **counts: int) -> DatasetFacts:
    return DatasetFacts(
        path=run.data.path,
        eval_path=", ".join(splits.eval_paths) or None,
        format=splits.dataset.sentence,
        sha256=splits.dataset.sha256,
        findings=sum(splits.dataset.finding_counts.values()),
        **counts,
    )


def _encode(examples: Sequence[Example], tokenizer: Any, run: Run) -> Generator[Phase, None, Sequence[Row]]:
    """The examples as tokens and masks, from the cache where they are in it. Raises Unavailable when stopped."""

    def work(report: Any, cancelled: Any) -> Sequence[Row]:
        def report_progress(rows: int, total: int) -> None:
            if rows < total:
                report(Phase("Preparing data", f"{rows:,} of {total:,} rows tokenized", rows / total))

        d = run.data
        options: Any = dict(
            train_on=d.train_on, max_len=d.max_seq_len, progress=report_progress, cancelled=cancelled.is_set
        )
        encoded = load_or_encode(examples, tokenizer, **options)
        if run.spec.data not in (PAIRS, UNPAIRED):
            return encoded.texts  # one text a row
        return [Group(texts, _label_value(e)) for texts, e in zip(encoded, examples, strict=True)]

    try:
        return (yield from run_in_thread("tokenize", work))
    except Cancelled:
        raise Unavailable("Tokenizing the data was stopped.") from None


def _label_value(example: Example) -> dict[str, float]:
    return {} if example.label is None else {"label": float(example.label)}


def _drop_without_targets(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows that have something to learn in every text.

    Where that is all of them, as nearly always, the sequence itself: rows from the cache are made when they are asked
    for, and as objects would take several times the memory.
    """
    return rows if all(map(has_targets, rows)) else [row for row in rows if has_targets(row)]


def _arrange(run: Run, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows as the method wants them."""
    if run.spec.arrange is None or not rows:
        return rows
    seed = run.train.seed if run.data.shuffle else None
    return run.spec.arrange(rows, run.train.batch_size, run.data.max_seq_len, seed)


def _row_warnings(
    run: Run, encoded_rows: Sequence[Row], rows: Sequence[Row], held_out: Sequence[Row]
) -> Iterator[Warned]:
    """What a person should know about the rows as the model will see them. Raises BadData when none is left."""
    max_length, count = run.data.max_seq_len, len(encoded_rows)
    for note, number in Counter(line for r in encoded_rows for line in r.note.split("\n") if line).most_common(5):
        yield Warned("row-note", f"{number} of {count} rows: {note}")
    if not rows:
        raise BadData(f"{dataset_label(run.data.path)}: no row has anything to learn from within {max_length} tokens.")
    dropped_count, cut_count = count - len(rows), sum(1 for r in rows if r.cut)
    if dropped_count:
        no_target = f"{dropped_count} of {count} rows have nothing to learn within {max_length} tokens"
        yield Warned("no-target", f"{no_target} and are left out.")
    if cut_count:
        yield Warned("cut", f"{cut_count} of {count} rows are longer than {max_length} tokens and are cut at the end.")
    if run.spec.data == UNPAIRED:
        yield from _imbalance_warnings(run, [r for r in rows if isinstance(r, Group)])
    identical = sum(1 for r in rows if _has_identical_answers(r))
    if identical:
        opening = f"In {identical} of {count} rows both answers are the same within {max_length} tokens"
        yield Warned("same-answers", f"{opening}: nothing can be learned from them.")
    if len(rows) < run.train.batch_size:
        few = f"There are only {len(rows)} rows for a batch size of {run.train.batch_size}"
        yield Warned("small-data", f"{few}: every step sees all of them.")
    if not held_out and run.data.eval_split:
        yield Warned(
            "no-held-out", "There are too few rows to hold any out: nothing can be said about unseen examples."
        )


def _imbalance_warnings(run: Run, rows: Sequence[Group]) -> Iterator[Warned]:
    """Advice where good answers, or bad ones, count for much less together than the others."""
    good = sum(1 for r in rows if r.values["label"])
    bad, o = len(rows) - good, run.options
    if not good or not bad:
        return  # that all marks are the same is told by the checks of the data
    ratio = good * o.desirable_weight / max(bad * o.undesirable_weight, 1e-9)
    if ratio > MAX_LABEL_RATIO or ratio < 1 / MAX_LABEL_RATIO:
        name, weight = ("undesirable_weight", good / bad) if ratio > 1 else ("desirable_weight", bad / good)
        few = f"{good:,} answers are marked good and {bad:,} bad"
        advice = f"{name} {weight:.2g} with the other at 1 would let both kinds count the same"
        yield Warned("uneven-marks", f"{few}; {advice}.")


def _has_identical_answers(row: Row) -> bool:
    """Whether a pair has lost its difference behind the cut."""
    first, *more = row_texts(row)
    return any(np.array_equal(first.tokens, text.tokens) for text in more)


def _teaches_to_stop(row: Row, stops: Sequence[int]) -> bool:
    """Whether one of the tokens that end an answer is learned in every text of a row."""
    return all(bool(np.isin(text.tokens[text.mask == 1], stops).any()) for text in row_texts(row))


def _first_findings(dataset: Dataset) -> list[Any]:
    """The first finding of each kind that is no mere note."""
    by_code: dict[str, Any] = {}
    for finding in dataset.findings:
        if finding.severity != "note":
            by_code.setdefault(finding.code, finding)
    return list(by_code.values())
