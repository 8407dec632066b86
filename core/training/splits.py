"""A run's data files read, and split into examples to train on and held-out ones."""

import functools
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.check.content_keys import choose_held_out, stand_in
from core.data.check.exclude import finding_codes
from core.data.dataset import Dataset, DatasetReader
from core.data.format.example import Example
from core.data.read.files import find_files
from core.data.tokenize.encoding import Cancelled
from core.errors import BadData, Unavailable, UserError
from core.events import Event, Phase, Warned
from core.resources import sample
from core.run import DEMO, Run
from core.text.sentence import say
from core.training.prepared import MOST_SAMPLES, Source
from core.training.read_files import ReadFiles, all_of, encode_files, read_files
from core.worker import run_in_thread


class Paths(NamedTuple):
    """Where the data lies on this machine."""

    train: str
    held_out: str  # "" where none is given


@dataclass(frozen=True)
class Side:
    """Those of the examples of some files that are wanted."""

    files: ReadFiles
    wanted: NDArray[np.bool_]  # [N]

    @property
    def examples(self) -> tuple[Example, ...]:
        return self.files.take(self.wanted, len(self.wanted))


class Splits(NamedTuple):
    """The examples as they were read, before they are rows. Both sides may be of the same files."""

    train: Side
    held_out: Side | None
    source: Source


def read_splits(run: Run, paths: Paths, tokenizer: Any) -> Generator[Event, None, Splits]:
    """The data files, split as asked for; a validation file is read beside them. Their texts are tokenized meanwhile,
    unless `tokenizer` is None. Raises BadData, BadOption, and Unavailable when stopped."""
    d, warnings = run.data, list[Warned]()
    exclude = finding_codes(d.exclude)
    eval_paths = [paths.held_out] if paths.held_out else _default_eval_paths(run, paths)
    held_out: Side | None = None
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
    return Splits(train, held_out, source)


def estimate_total(rows: int, fraction: float) -> int:
    """How many rows files have of which `fraction` (0 to 1) has been read with this many, to two digits: the first
    that is known of it, as rows are counted while they are tokenized."""
    total = rows / fraction if fraction else 0.0
    digits = max(0, math.floor(math.log10(total)) - 1) if total >= 1 else 0
    return max(rows, int(round(total / 10**digits) * 10**digits))


def _read_side(
    run: Run, tokenizer: Any, paths: Any, exclude: Sequence[str], held_out_part: bool = False
) -> Generator[Phase, None, Side]:
    """All examples of some files, tokenized unless `tokenizer` is None."""
    d = run.data
    options: dict[str, Any] = {"columns": d.columns, "fill_in": d.fill_in, "exclude": exclude}
    read = functools.partial(DatasetReader, paths, run.spec.data, **options, held_out_part=held_out_part)
    if tokenizer is None:
        files = read_files(read)
        return Side(files, all_of(files))

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
    return Side(files, all_of(files))


def _default_eval_paths(run: Run, paths: Paths) -> list[str]:
    """The validation files where none is given: the demo's own, or those that lie in the folder. None: split."""
    if not run.data.eval_split:
        return []
    if run.data.path == DEMO:
        return [str(sample(run.spec.data, held_out=True))]
    return [str(file) for file in find_files(paths.train, run.spec.data).held_out]


def _first_findings(dataset: Dataset) -> list[Any]:
    """The first finding of each kind that is no mere note."""
    by_code: dict[str, Any] = {}
    for finding in dataset.findings:
        if finding.severity != "note":
            by_code.setdefault(finding.code, finding)
    return list(by_code.values())
