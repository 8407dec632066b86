"""The state of a run in sentences: plain functions of a Record. No Qt."""

import datetime
import math

from app.runs.record import RunRecord
from app.runs.series import SMOOTHING
from core import methods
from core.methods import Trend

_RISING = 1.02  # a held-out loss of this many times its best counts as getting worse
_FEW = 8  # steps before anything is said of a trend
_STALLED = 3  # evaluations in a row without a new best before memorising is mentioned
_RECENT = 600.0  # seconds for which what the machine did stands beside how the run goes


def format_duration(seconds: float) -> str:
    """A length of time as people say it: 42 s, 3 min 5 s, 1 h 12 min; "–" where it is not known."""
    if not math.isfinite(seconds):
        return "–"
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60} s" if s < 600 and s % 60 else f"{s // 60} min"
    return f"{s // 3600} h {s % 3600 // 60} min"


def headline(record: RunRecord) -> str:
    """What the run is doing, in a few words."""
    if record.problem:
        return "Stopped by a problem"
    if record.finished:
        words = {"done": "Done", "stopped": "Stopped and kept", "early_stop": "Done, stopped early", "failed": "Failed"}
        return words.get(record.finished.reason, record.finished.reason)
    if record.phase is None:
        return "Getting ready"
    if record.started is not None and record.phase.detail:
        return f"{record.phase.name}: {record.phase.detail}"
    return record.phase.name


def describe_stop(record: RunRecord, validates: bool, answers: bool) -> str:
    """What a run that was asked to stop does before it ends; `validates` and `answers` say what its settings hold."""
    if record.last_step is None:
        return "Stopping. The run ends as soon as what it is doing can be left."
    phase = record.phase.name if record.phase else ""
    if phase.startswith(("Saving", "Writing sample answers after")):
        parts = ["saves what was learned"] * (phase == "Saving") + ["writes sample answers"] * answers
    else:
        parts = ["finishes this step and saves it"]
        parts += ["validates the newest weights"] * validates + ["writes sample answers"] * answers
    sentence = ", then ".join(parts) or "ends"
    skip = (
        " “Skip the rest” keeps what is saved, and leaves out validating and answers." if validates or answers else ""
    )
    return f"Stopping: the run {sentence}.{skip}"


def progress(record: RunRecord) -> str:
    """Step and epoch: "Step 40 of 120 · epoch 1.2 of 3"."""
    if record.started is None:
        return record.phase.detail if record.phase else ""
    step = record.last_step.step if record.last_step else record.started.first_step - 1
    epoch = record.last_step.epoch if record.last_step else 0.0
    return f"Step {step:,} of {record.started.total_steps:,} · epoch {epoch:.1f} of {record.started.epochs:.1f}"


def times(record: RunRecord, now: float) -> str:
    """Elapsed time, and while the run goes on the remaining time with the clock time of its end; `now` in seconds."""
    words = format_duration(record.elapsed(now))
    remaining = record.seconds_left()
    if record.is_over or remaining is None:
        return words
    end = datetime.datetime.fromtimestamp(now + remaining)
    return f"{words} · about {format_duration(remaining)} left, until {end:%H:%M}"


def tokens(record: RunRecord) -> str:
    """How many tokens have gone through the model."""
    if record.last_step is None:
        return ""
    count = record.last_step.tokens
    return f"{count / 1e6:.1f} M tokens seen" if count >= 1e6 else f"{count:,} tokens seen"


def describe_progress(record: RunRecord) -> str:
    """One sentence on how the run is going: its verdict, its problem, or what its metrics and loss say."""
    if record.finished and record.finished.reason != "failed":
        return record.finished.message
    if record.problem:
        return record.problem
    if record.started is None:
        return "The first point appears once data and model are loaded."
    if record.last_step is None:
        return "Measuring how the model does before it learns anything."
    if not math.isfinite(record.last_step.loss):
        return "The loss is no longer a number: stop, and try a lower learning rate."
    words = _describe_memorising(record) or _describe_metrics(record) or _describe_loss(record)
    note = record.machine_note
    is_recent = note is not None and record.last_step.time - note.time < _RECENT
    return f"{words} {note.message}" if note is not None and is_recent else words


def _describe_memorising(record: RunRecord) -> str:
    """That the held-out loss has been rising since its best, or ""."""
    evaluations = record.evaluations
    if record.best_eval is None or len(evaluations) <= _STALLED:
        return ""
    since_best = [e for e in evaluations if e.step > record.best_eval.step]
    if len(since_best) >= _STALLED and since_best[-1].loss > record.best_eval.loss * _RISING:
        return (
            f"It no longer gets better on unseen examples since step {record.best_eval.step:,}: it begins to memorise. "
            "You can stop now; the best is kept."
        )
    return ""


def _describe_metrics(record: RunRecord) -> str:
    """What the method says of its metrics, or ""."""
    spec = methods.load().get(record.started.method) if record.started else None
    if spec is None or spec.describe_progress is None:
        return ""
    averages = {name: series.smooth(SMOOTHING) for name, series in record.metrics.items() if len(series) >= _FEW}
    return spec.describe_progress({name: Trend(float(y[3]), float(y[-1])) for name, y in averages.items()})


def _describe_loss(record: RunRecord) -> str:
    losses = record.loss.smooth(SMOOTHING)
    if len(losses) < _FEW:
        return "Training has begun. The loss says how surprised the model is by the right answer; lower is better."
    early, latest = float(losses[3]), float(losses[-1])
    if latest < 0.97 * early:
        return f"The loss is falling, from {early:.2f} to {latest:.2f}: the model predicts your answers better."
    if latest > 1.1 * early:
        return f"The loss is rising, from {early:.2f} to {latest:.2f}: the learning rate may be too high."
    return f"The loss is steady at {latest:.2f}. Give it some time; if it stays, raise the learning rate."
