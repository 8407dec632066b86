"""What a person should know about a run's rows before the first step."""

from collections.abc import Iterator

from core.data.batch.groups import GroupRows
from core.data.kinds import UNPAIRED
from core.data.read.files import dataset_label
from core.data.tokenize.end_of_turn import EndOfTurn
from core.errors import BadData
from core.events import Warned
from core.run import Run
from core.text.sentence import join, say
from core.training.prepared import Prepared, Source

MAX_LABEL_RATIO = 3.0  # times that answers with one label may outweigh the others before a warning


def source_warnings(source: Source, end: EndOfTurn) -> Iterator[Warned]:
    """What is said before rows are encoded."""
    yield from source.warnings
    if not end.stops:
        yield Warned("no-stop", end.describe())


def row_warnings(run: Run, prepared: Prepared, end: EndOfTurn) -> Iterator[Warned]:
    """What a person should know about the rows as the model will see them. Raises BadData when none is left."""
    counts, rows, max_length = prepared.counts, prepared.train, run.data.max_seq_len
    count = counts.rows
    for note, number in counts.notes[:5]:
        yield Warned("row-note", say("{number} of {count} rows: {note}", number=number, count=count, note=note))
    if not rows:
        if reason := next((note for note, number in counts.notes if number == count), ""):
            nothing = say("{path}: no row has anything to learn from.", path=dataset_label(run.data.path))
            raise BadData(join((nothing, reason)))
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
