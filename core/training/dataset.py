"""A run's data: read, split and encoded, or taken from the cache as it was prepared before."""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.batch.groups import row_texts, text_lengths
from core.data.format.example import Example
from core.data.kinds import PAIRS, QUESTIONS, UNPAIRED
from core.data.read.files import find_files
from core.data.tokenize.cache import cache_key, list_contents
from core.data.tokenize.end_of_turn import EndOfTurn, find_end_of_turn
from core.data.tokenize.token_store import TokenStore
from core.errors import BadOption
from core.events import Event
from core.model import hub
from core.resolved import DatasetFacts
from core.rollouts.setup import prepare_prompts
from core.run import Run
from core.text.sentence import say
from core.training.prepared import Prepared, Rows, Source, as_rows, read_prepared, write_prepared
from core.training.read_files import all_of
from core.training.row_counts import count_rows
from core.training.row_warnings import row_warnings, source_warnings
from core.training.splits import Paths, Side, Splits, read_splits

MIN_ROWS = 2000  # fewer are prepared in no time, and not kept
# Of the options of the data, those that make a difference to the rows or to what is said of them.
_OPTIONS_IN_KEY = ("path", "eval_path", "eval_split", "max_seq_len", "train_on", "columns", "exclude", "fill_in")


class EncodedDataset(NamedTuple):
    """What a run learns from. Every text of every row has at least one target."""

    train: Sequence[Any]  # of Row, or of core.rollouts.prompts.Prompt where the model writes the answers
    held_out: Sequence[Any]
    examples: Sequence[Example]  # a few to take prompts from: held-out ones, or those to train on where none are
    facts: DatasetFacts


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
    paths = Paths(fetched, (yield from hub.fetch_data(d.eval_path)) if d.eval_path else "")
    end = find_end_of_turn(tokenizer)
    if run.spec.on_policy:
        splits = yield from read_splits(run, paths, None)
        yield from source_warnings(splits.source, end)
        return (yield from _encode_prompts(run, splits, tokenizer))
    key = _cache_key(run, paths, tokenizer)
    prepared = read_prepared(key) if key else None
    if prepared:
        yield from source_warnings(prepared.source, end)
    else:
        splits = yield from read_splits(run, paths, tokenizer)
        yield from source_warnings(splits.source, end)
        prepared = _prepare(run, splits, end)
        is_large = prepared.counts.rows + len(prepared.held_out) >= MIN_ROWS
        if key and is_large and key == _cache_key(run, paths, tokenizer):  # else the files changed meanwhile
            prepared = write_prepared(key, prepared) or prepared
    yield from row_warnings(run, prepared, end)
    rows, held_out = _arrange(run, prepared.train), _arrange(run, prepared.held_out)
    return EncodedDataset(rows, held_out, prepared.source.examples, _prepared_facts(run, prepared, rows, held_out))


def _cache_key(run: Run, paths: Paths, tokenizer: Any) -> str | None:
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


def _encode_prompts(run: Run, splits: Splits, tokenizer: Any) -> Generator[Event, None, EncodedDataset]:
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


def _prepare(run: Run, splits: Splits, end: EndOfTurn) -> Prepared:
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


def _join_texts(splits: Splits, per_row: int) -> list[tuple[TokenStore, NDArray[np.float32]]]:
    """The texts of both sides, with the labels of their examples."""
    train, held_out = splits.train, splits.held_out or Side(splits.train.files, ~all_of(splits.train.files))
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
