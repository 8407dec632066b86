"""The check that takes real steps of a run: what a step takes, and when the run would end. No Qt."""

import datetime
import threading
import time
from collections.abc import Iterator

from app.desktop.language import localize, tr, tr_count
from app.desktop.machine import format_bytes
from app.new_run.check import BAD, GOOD, LATER, MEASURED, NOTE, Check, StepFacts
from app.new_run.disabled_reasons import use_labels
from app.new_run.step_times import from_measured
from app.runs.status_text import format_duration
from app.threads import core_calls
from core.errors import BadData, BadModel, BadOption, CodeRefused, UserError
from core.events import Phase, Walked
from core.run import Run

_PLACES = {BadModel: "model", BadData: "data", BadOption: "settings"}  # the step where each is put right


def _format_seconds(seconds: float) -> str:
    return localize(f"{max(seconds, 0.01):.2g} s") if seconds < 9.95 else format_duration(seconds)


def _describe_measured(steps: int, step_seconds: float, seconds: float, peak_memory_bytes: int) -> str:
    now = time.time()
    start, end = (datetime.datetime.fromtimestamp(moment) for moment in (now, now + seconds))
    days = (end.date() - start.date()).days
    return tr_count(
        "A step took {step} and {memory} of memory: {count} step takes about {time}, until {end} if started now.",
        "A step took {step} and {memory} of memory: {count:,} steps take about {time}, until {end} if started now.",
        steps,
        step=_format_seconds(step_seconds),
        memory=format_bytes(peak_memory_bytes),
        time=_format_seconds(seconds),
        end=tr("{end:%H:%M}", end=end)
        if days == 0
        else tr("tomorrow {end:%H:%M}", end=end)
        if days == 1
        else tr("{end:%d %b %H:%M}", end=end),
    )


def measure_run(run: Run, stop: threading.Event) -> "Iterator[Phase | Check]":
    """The check MEASURED of a run: phases while steps are taken, then its answer. `stop` ends it early."""
    if core_calls.find_model(run.model.path, run.model.revision) is None:
        yield Check(MEASURED, LATER, tr("Known after the download: the run measures its first steps."))
        return
    measuring = Walked(core_calls.measure_steps(run, stop))
    try:
        for event in measuring:
            if isinstance(event, Phase):
                yield event
    except UserError as error:
        place = next((step for kind, step in _PLACES.items() if isinstance(error, kind)), "")
        # What is wrong with model, data or settings is so in the run too; whether code may run is asked at its start.
        state = BAD if place and not isinstance(error, CodeRefused) else NOTE
        yield Check(MEASURED, state, use_labels(str(error), run.method), place or "settings")
    else:
        found = measuring.value
        yield Check(
            MEASURED,
            GOOD,
            _describe_measured(found.steps, found.step_seconds, found.seconds, found.peak_memory_bytes),
            time=from_measured(run, found.steps, found.seconds, found.rows),
            step_facts=StepFacts(found.step_seconds, rows_of_a_step(run), found.trained_parameters),
        )


def rows_of_a_step(run: Run) -> int:
    """The rows that an optimizer step learns from."""
    return run.train.batch_size * run.train.gradient_accumulation_steps
