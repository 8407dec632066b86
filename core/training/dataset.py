"""A run's data: read, split into training and held-out rows, encoded, with warnings about what is unusual in it."""

import functools
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.batch.groups import GroupRows, row_texts, text_lengths
from core.data.check.content_keys import choose_held_out, stand_in
from core.data.check.exclude import finding_codes
from core.data.dataset import Dataset, DatasetReader
from core.data.format.example import Example
from core.data.kinds import PAIRS, QUESTIONS, UNPAIRED
from core.data.read.files import dataset_label, find_files
from core.data.tokenize.cache import cache_key, list_contents
from core.data.tokenize.encoding import Cancelled
from core.data.tokenize.end_of_turn import EndOfTurn, find_end_of_turn
from core.data.tokenize.token_store import TokenStore
from core.errors import BadData, BadOption, Unavailable, UserError
from core.events import Event, Phase, Warned
from core.model import hub
from core.resolved import DatasetFacts
from core.resources import sample
from core.rollouts.setup import prepare_prompts
from core.run import DEMO, Run
from core.text.sentence import say
from core.training.prepared import MOST_SAMPLES, Prepared, Rows, Source, as_rows, read_prepared, write_prepared
from core.training.read_files import ReadFiles, all_of, encode_files, read_files
from core.training.row_counts import count_rows
from core.worker import run_in_thread

MAX_LABEL_RATIO = 3.0  # times that answers with one label may outweigh the others before a warning
MIN_ROWS = 2000  # fewer are prepared in no time, and not kept
# Of the options of the data, those that make a difference to the rows or to what is said of them.
_OPTIONS_IN_KEY = ("path", "eval_path", "eval_split", "max_seq_len", "train_on", "columns", "exclude", "fill_in")


class EncodedDataset(NamedTuple):
    """What a run learns from. Every text of every row has at least one target."""

    train: Sequence[Any]  # of Row, or of core.rollouts.prompts.Prompt where the model writes the answers
    held_out: Sequence[Any]
    examples: Sequence[Example]  # a few to take prompts from: held-out ones, or those to train on where none are
    facts: DatasetFacts


class _Paths(NamedTuple):
    """Where the data lies on this machine."""

    train: str
    held_out: str  # "" where none is given


@dataclass(frozen=True)
class _Side:
    """Those of the examples of some files that are wanted."""

    files: ReadFiles
    wanted: NDArray[np.bool_]  # [N]

    @property
    def examples(self) -> tuple[Example, ...]:
        return self.files.take(self.wanted, len(self.wanted))


class _Splits(NamedTuple):
    """The examples as they were read, before they are rows. Both sides may be of the same files."""

    train: _Side
    held_out: _Side | None
    source: Source


def load_rows(run: Run, tokenizer: Any) -> Generator[Event, None, EncodedDataset]:
    """Read, split and encode a run's data, yielding progress and warnings; the generator's value is the dataset.

    Rows that were prepared before in the same way come from the cache, without reading the files again but for their
    hash. Raises BadOption for options that contradict the data, BadData where no row can be used, and Unavailable where
    a download or the tokenizing was stopped.
    """
    d = run.data
    if run.spec.data in (PAIRS, UNPAIRED, QUESTIONS) and d.train_on != "answers":
        raise BadOption(
            say("train_on does nothing with {title}, which learns from whole answers alone.", title=say(run.spec.title))
        )
    fetched = yield from hub.fetch_data(d.path)
    paths = _Paths(fetched, (yield from hub.fetch_data(d.eval_path)) if d.eval_path else "")
    end = find_end_of_turn(tokenizer)
    if run.spec.on_policy:
        splits = yield from _read_splits(run, paths, None)
        yield from _first_warnings(splits.source, end)
        return (yield from _encode_prompts(run, splits, tokenizer))
    key = _cache_key(run, paths, tokenizer)
    prepared = read_prepared(key) if key else None
    if prepared:
        yield from _first_warnings(prepared.source, end)
    else:
        splits = yield from _read_splits(run, paths, tokenizer)
        yield from _first_warnings(splits.source, end)
        prepared = _prepare(run, splits, end)
        is_large = prepared.counts.rows + len(prepared.held_out) >= MIN_ROWS
        if key and is_large and key == _cache_key(run, paths, tokenizer):  # else the files changed meanwhile
            prepared = write_prepared(key, prepared) or prepared
    yield from _row_warnings(run, prepared, end)
    rows, held_out = _arrange(run, prepared.train), _arrange(run, prepared.held_out)
    return EncodedDataset(rows, held_out, prepared.source.examples, _prepared_facts(run, prepared, rows, held_out))


def _read_splits(run: Run, paths: _Paths, tokenizer: Any) -> Generator[Event, None, _Splits]:
    """The data files, split as asked for; a validation file is read beside them. Their texts are tokenized meanwhile,
    unless `tokenizer` is None. Raises BadData, BadOption, and Unavailable when stopped."""
    d, warnings = run.data, list[Warned]()
    exclude = finding_codes(d.exclude)
    eval_paths = [paths.held_out] if paths.held_out else _default_eval_paths(run, paths)
    held_out: _Side | None = None
    if eval_paths:  # first, as it is the shorter: what is wrong with it is told before the rest is tokenized
        try:
            held_out = yield from _read_side(run, tokenizer, eval_paths, exclude)
        except UserError:
            yield from _read_side(run, None, paths.train, d.exclude)  # which may be at fault itself, and is told first
            raise
    train = yield from _read_side(run, tokenizer, paths.train, d.exclude)
    dataset = train.files.dataset
    if not eval_paths and d.eval_split and dataset.files_with_held_out:
        files = list(dataset.files_with_held_out)
        try:
            held_out = yield from _read_side(run, tokenizer, files, exclude, held_out_part=True)
            eval_paths = files
        except BadData as error:
            warnings.append(
                Warned("held-out", say("The rows that the file sets aside cannot be held out: {error}", error=error))
            )
    if held_out is not None:
        if "overlap" in d.exclude:
            train = replace(train, wanted=~stand_in(train.files.keys, held_out.files.keys))
        shared = int(stand_in(held_out.files.keys, train.files.keys[train.wanted]).sum())
        if shared:
            sentence = say(
                "{shared} of {count} validation rows also stand in the training data",
                shared=shared,
                count=len(held_out.wanted),
            )
            warnings.append(Warned("overlap", say("{sentence}; the held-out loss flatters.", sentence=sentence)))
    else:
        is_held_out = choose_held_out(train.files.keys, d.eval_split, run.train.seed)
        if is_held_out.any():
            train, held_out = replace(train, wanted=~is_held_out), replace(train, wanted=is_held_out)
    warnings += [Warned(finding.code, str(finding)) for finding in _first_findings(dataset)]
    shown = held_out or train
    source = Source(
        format=dataset.sentence,
        sha256=dataset.sha256,
        findings=sum(dataset.finding_counts.values()),
        eval_paths=tuple(eval_paths),
        warnings=tuple(warnings),
        examples=shown.files.take(shown.wanted, MOST_SAMPLES),
    )
    return _Splits(train, held_out, source)


def estimate_total(rows: int, fraction: float) -> int:
    """How many rows files have of which `fraction` (0 to 1) has been read with this many, to two digits: the first
    that is known of it, as rows are counted while they are tokenized."""
    total = rows / fraction if fraction else 0.0
    digits = max(0, math.floor(math.log10(total)) - 1) if total >= 1 else 0
    return max(rows, int(round(total / 10**digits) * 10**digits))


def _read_side(
    run: Run, tokenizer: Any, paths: Any, exclude: Sequence[str], held_out_part: bool = False
) -> Generator[Phase, None, _Side]:
    """All examples of some files, tokenized unless `tokenizer` is None."""
    d = run.data
    options: dict[str, Any] = {"columns": d.columns, "fill_in": d.fill_in, "exclude": exclude}
    read = functools.partial(DatasetReader, paths, run.spec.data, **options, held_out_part=held_out_part)
    if tokenizer is None:
        files = read_files(read)
        return _Side(files, all_of(files))

    def work(report: Any, cancelled: Any) -> ReadFiles:
        def report_progress(rows: int, fraction: float) -> None:
            total = estimate_total(rows, fraction)
            report(Phase("Preparing data", f"{rows:,} of about {total:,} rows tokenized", fraction))

        encoding: dict[str, Any] = {"train_on": d.train_on, "max_len": d.max_seq_len}
        return encode_files(read, tokenizer, report=report_progress, cancelled=cancelled.is_set, **encoding)

    try:
        files = yield from run_in_thread("tokenize", work)
    except Cancelled:
        raise Unavailable(say("Tokenizing the data was stopped.")) from None
    return _Side(files, all_of(files))


def _first_warnings(source: Source, end: EndOfTurn) -> Iterator[Warned]:
    """What is said before rows are encoded."""
    yield from source.warnings
    if not end.stops:
        yield Warned("no-stop", end.describe())


def _cache_key(run: Run, paths: _Paths, tokenizer: Any) -> str | None:
    """The key of a run's rows in the cache; None where a file cannot be read. Raises BadData."""
    d = run.data
    found = find_files(paths.train, run.spec.data)
    files = [*found.train, *found.held_out]
    files += find_files(paths.held_out, run.spec.data).train if paths.held_out else ()
    contents = list_contents(files)
    options = {
        "kind": run.spec.data,
        "paths": paths,
        "unread": [str(file) for file in found.unread],
        "seed": run.train.seed,
        **{name: getattr(d, name) for name in _OPTIONS_IN_KEY},
    }
    return None if contents is None else cache_key(contents, tokenizer, options)


def _default_eval_paths(run: Run, paths: _Paths) -> list[str]:
    """The validation files where none is given: the demo's own, or those that lie in the folder. None: split."""
    if not run.data.eval_split:
        return []
    if run.data.path == DEMO:
        return [str(sample(run.spec.data, held_out=True))]
    return [str(file) for file in find_files(paths.train, run.spec.data).held_out]


def _encode_prompts(run: Run, splits: _Splits, tokenizer: Any) -> Generator[Event, None, EncodedDataset]:
    """The prompts of a run whose answers the model writes itself."""
    held_out = splits.held_out.examples if splits.held_out else ()
    prompts = yield from prepare_prompts(run, tokenizer, splits.train.examples, held_out)
    facts = _facts(
        run,
        splits.source,
        rows=len(prompts.train),
        eval_rows=len(prompts.held_out),
        tokens=sum(len(prompt.tokens) for prompt in prompts.train),
        trained_tokens=0,  # what is learned is not written yet
        cut=0,
        dropped=prompts.dropped,
    )
    return EncodedDataset(prompts.train, prompts.held_out, splits.source.examples, facts)


def _facts(run: Run, source: Source, **counts: int) -> DatasetFacts:
    return DatasetFacts(
        path=run.data.path,
        eval_path=", ".join(source.eval_paths) or None,
        format=source.format,
        sha256=source.sha256,
        findings=source.findings,
        **counts,
    )


def _prepare(run: Run, splits: _Splits, end: EndOfTurn) -> Prepared:
    """The tokenized examples as rows that have something to learn in every text."""
    per_row = 2 if run.spec.data == PAIRS else 1
    sides: list[Rows] = []
    counts = []
    for texts, labels in _join_texts(splits, per_row):
        kept = texts.learned.reshape(-1, per_row).min(axis=1) > 0
        counts.append(count_rows(texts, per_row, kept, end.stops))
        texts = texts if kept.all() else texts.take(np.repeat(kept, per_row))
        own_labels = labels[kept].tolist() if run.spec.data == UNPAIRED else None
        sides.append(as_rows(texts, own_labels, per_row if run.spec.data in (PAIRS, UNPAIRED) else None))
    return Prepared(sides[0], sides[1], counts[0], splits.source)


def _join_texts(splits: _Splits, per_row: int) -> list[tuple[TokenStore, NDArray[np.float32]]]:
    """The texts of both sides, with the labels of their examples."""
    train, held_out = splits.train, splits.held_out or _Side(splits.train.files, ~all_of(splits.train.files))
    wanted = [np.repeat(side.wanted, per_row) for side in (train, held_out)]
    if held_out.files is train.files:
        stores = train.files.texts.join(wanted)
    else:
        stores = [side.files.texts.join([own])[0] for side, own in zip((train, held_out), wanted, strict=True)]
    return [(store, side.files.labels[side.wanted]) for store, side in zip(stores, (train, held_out), strict=True)]


def _arrange(run: Run, rows: Sequence[Any]) -> Sequence[Any]:
    """The rows as the method wants them."""
    if run.spec.arrange is None or not rows:
        return rows
    seed = run.train.seed if run.data.shuffle else None
    return run.spec.arrange(rows, run.train.batch_size, run.data.max_seq_len, seed)


def _prepared_facts(run: Run, prepared: Prepared, rows: Sequence[Any], held_out: Sequence[Any]) -> DatasetFacts:
    """`rows` and `held_out` are as the method wants them."""
    counts = prepared.counts
    tokens, learned = counts.tokens, counts.learned
    if run.spec.arrange is not None:
        tokens = int(text_lengths(rows).sum())
        learned = sum(int(text.mask.sum()) for row in rows for text in row_texts(row))
    return _facts(
        run,
        prepared.source,
        rows=len(rows),
        eval_rows=len(held_out),
        tokens=tokens,
        trained_tokens=learned,
        cut=sum(1 for row in rows if row.cut) if run.spec.arrange is not None else counts.cut,
        dropped=counts.rows - len(rows),
    )


def _row_warnings(run: Run, prepared: Prepared, end: EndOfTurn) -> Iterator[Warned]:
    """What a person should know about the rows as the model will see them. Raises BadData when none is left."""
    counts, rows, max_length = prepared.counts, prepared.train, run.data.max_seq_len
    count = counts.rows
    for note, number in counts.notes[:5]:
        yield Warned("row-note", say("{number} of {count} rows: {note}", number=number, count=count, note=note))
    if not rows:
        raise BadData(
            say(
                "{path}: no row has anything to learn from within {max_length} tokens.",
                path=dataset_label(run.data.path),
                max_length=max_length,
            )
        )
    dropped_count = count - len(rows)
    if dropped_count:
        no_target = say(
            "{dropped_count} of {count} rows have nothing to learn within {max_length} tokens",
            dropped_count=dropped_count,
            count=count,
            max_length=max_length,
        )
        yield Warned("no-target", say("{no_target} and are left out.", no_target=no_target))
    if counts.cut:
        cut = say(
            "{cut} of {count} rows are longer than {max_length} tokens and are cut at the end.",
            cut=counts.cut,
            count=count,
            max_length=max_length,
        )
        yield Warned("cut", cut)
    if run.spec.data == UNPAIRED and isinstance(rows, GroupRows):
        yield from _imbalance_warnings(run, int(rows.values["label"].sum()), len(rows))
    if counts.identical:
        opening = say(
            "In {identical} of {count} rows both answers are the same within {max_length} tokens",
            identical=counts.identical,
            count=count,
            max_length=max_length,
        )
        yield Warned("same-answers", say("{opening}: nothing can be learned from them.", opening=opening))
    if len(rows) < run.train.batch_size:
        few = say(
            "There are only {count} rows for a batch size of {batch_size}",
            count=len(rows),
            batch_size=run.train.batch_size,
        )
        yield Warned("small-data", say("{few}: every step sees all of them.", few=few))
    if not prepared.held_out and run.data.eval_split:
        yield Warned(
            "no-held-out", say("There are too few rows to hold any out: nothing can be said about unseen examples.")
        )
    if end.stops and not counts.stopping:
        yield Warned(
            "no-stop", say("No row is learned up to its {token}: the model will not learn to stop.", token=end.token)
        )


def _imbalance_warnings(run: Run, good: int, count: int) -> Iterator[Warned]:
    """Advice where good answers, or bad ones, count for much less together than the others, of so many."""
    bad, o = count - good, run.options
    if not good or not bad:
        return  # that all marks are the same is told by the checks of the data
    ratio = good * o.desirable_weight / max(bad * o.undesirable_weight, 1e-9)
    if ratio > MAX_LABEL_RATIO or ratio < 1 / MAX_LABEL_RATIO:
        name, weight = ("undesirable_weight", good / bad) if ratio > 1 else ("desirable_weight", bad / good)
        few = say("{good:,} answers are marked good and {bad:,} bad", good=good, bad=bad)
        advice = say(
            "{name} {weight:.2g} with the other at 1 would let both kinds count the same", name=name, weight=weight
        )
        yield Warned("uneven-marks", say("{few}; {advice}.", few=few, advice=advice))


def _first_findings(dataset: Dataset) -> list[Any]:
    """The first finding of each kind that is no mere note."""
    by_code: dict[str, Any] = {}
    for finding in dataset.findings:
        if finding.severity != "note":
            by_code.setdefault(finding.code, finding)
    return list(by_code.values())
