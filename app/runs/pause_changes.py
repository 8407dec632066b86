"""What may be changed while a run pauses: its learning rate, and how much longer it trains. No Qt."""

import math
from dataclasses import replace
from typing import Any

from app.desktop.language import read_number, tr
from app.runs.numbers import format_plain
from app.runs.record import RunRecord
from app.runs.settings_text import list_options
from core.errors import BadOption
from core.option_values import parse
from core.run import Run

STEPS, EPOCHS = "steps", "epochs"
MOST = 1_000_000  # of either that can be added at a pause
RATE_KEY, STEPS_KEY = "train.learning_rate", "train.steps"


def present_rate(run: Run) -> float:
    """The learning rate, at its highest, that a run has used so far."""
    rate = run.train.learning_rate
    return run.usual_learning_rate if rate is None else rate


def read_rate(run: Run, text: str) -> float:
    """The learning rate that a text stands for. Raises BadOption with a sentence where it is none."""
    option = dict(list_options(run.method))[RATE_KEY]
    rate = parse(replace(option, name=option.label), read_number(text))
    if rate is None or rate <= 0:
        raise BadOption(tr("Learning rate must be above 0."))
    return float(rate)


def read_extra_steps(record: RunRecord, text: str, unit: str) -> int:
    """How many steps a text means, which says how many more steps or epochs (`unit`); 0 for "". Raises BadOption."""
    text = text.strip()
    if not text or record.started is None:
        return 0
    try:
        number = float(read_number(text))
    except ValueError:
        number = math.nan
    if number > MOST:
        raise BadOption(tr("More training is {value}, but can be {most:,} at most.", value=text, most=MOST))
    if not number >= 0 or (unit == STEPS and not number.is_integer()):
        kind = tr("a whole number of steps") if unit == STEPS else tr("a number of epochs")
        raise BadOption(tr("More training is {value}, but must be {kind}, 0 or more.", value=text, kind=kind))
    if unit == STEPS:
        return int(number)
    return math.ceil(number * record.started.total_steps / record.started.epochs)


def list_changes(run: Run, record: RunRecord, rate: float, more_steps: int) -> dict[str, Any]:
    """What is to change, by keys of run.toml; nothing where all stays as it is."""
    changes: dict[str, Any] = {}
    if rate != present_rate(run):
        changes[RATE_KEY] = rate
    if more_steps and record.started is not None:
        changes[STEPS_KEY] = record.started.total_steps + more_steps
    return changes


def describe_plan(run: Run, record: RunRecord, changes: dict[str, Any]) -> str:
    """What a run will do when it goes on with these changes, in sentences."""
    started, paused = record.started, record.paused
    if started is None or paused is None:
        return ""
    total = changes.get(STEPS_KEY, started.total_steps)
    sentences = [tr("It goes on from step {first:,} to {total:,}.", first=paused.step + 1, total=total)]
    if RATE_KEY in changes:
        rate, before = format_plain(changes[RATE_KEY]), format_plain(present_rate(run))
        sentences.append(tr("The learning rate is {rate} in place of {before}.", rate=rate, before=before))
    if changes and run.train.lr_schedule != "constant":
        schedule = dict(list_options(run.method))["train.lr_schedule"].choice_label(run.train.lr_schedule)
        sentences.append(
            tr("Its schedule ({schedule}) is laid over all {total:,} steps.", schedule=schedule, total=total)
        )
    return " ".join(sentences)
