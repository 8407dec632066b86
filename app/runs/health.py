"""How a run is going: a tone, a sentence, and what can be done about it, read from the curves that the charts show. No
Qt."""

import math
from dataclasses import dataclass

from app.desktop.language import tr
from app.runs.record import RunRecord
from app.runs.series import SMOOTHING
from core import methods
from core.methods import Trend
from core.text.sentence import join

_RISING = 1.02  # a held-out loss of this many times its best counts as getting worse
_FEW = 8  # steps before anything is said of a trend
_STEADY = 20  # steps before it is said that there is none
_STALLED = 3  # evaluations in a row without a new best before memorising is mentioned
_RECENT = 600.0  # seconds for which what the machine did stands beside how the run goes
_FALLING, _CLIMBING = 0.97, 1.1  # of the early loss: below the one it falls, above the other it rises

STOP, LOWER, CHANGE = "stop", "lower", "change"  # what can be done: stop and keep the best; change the learning rate


@dataclass(frozen=True)
class Health:
    """How a run is going. `tone` is "good", "accent" where it is too early to tell or neither, "warn" or "bad"."""

    tone: str
    sentence: str
    action: str = ""  # STOP, LOWER, CHANGE, or "" where nothing needs to be done


def assess(record: RunRecord) -> Health:
    """How a run is going: its verdict, its problem, or what its metrics and loss say."""
    if record.finished and record.finished.reason != "failed":
        return Health("accent", tr(record.finished.message))
    if record.problem:
        return Health("bad", tr(record.problem))
    if record.started is None:
        return Health("accent", tr("The first point appears once data and model are loaded."))
    if record.last_step is None:
        return Health("accent", tr("Measuring how the model does before it learns anything."))
    if not math.isfinite(record.last_step.loss):
        return Health("bad", tr("The loss is no longer a number: stop, and try a lower learning rate."), LOWER)
    health = _assess_memorising(record) or _assess_metrics(record) or _assess_loss(record)
    note = record.machine_note
    if note is None or record.last_step.time - note.time >= _RECENT:
        return health
    tone = "warn" if health.tone in ("good", "accent") else health.tone
    return Health(tone, join((health.sentence, note.message)), health.action)


def _assess_memorising(record: RunRecord) -> Health | None:
    """That the held-out loss has been rising since its best, or since the start; rows that were seen once are not
    memorised."""
    evaluations, best = record.evaluations, record.best_eval
    if best is None or len(evaluations) <= _STALLED:
        return None
    since_best = [e for e in evaluations if e.step > best.step]
    if len(since_best) < _STALLED or since_best[-1].loss <= best.loss * _RISING:
        return None
    if best.step == 0:  # which no trained weights are
        words = tr("On unseen examples it is worse than before training. The learning rate may be too high.")
        return Health("warn", words, LOWER)
    is_first_pass = record.last_step is not None and record.last_step.epoch <= 1
    sentence = (
        tr("It no longer gets better on unseen examples since step {step:,}. You can stop now; the best is kept.",
           step=best.step)
        if is_first_pass
        else tr(
            "It no longer gets better on unseen examples since step {step:,}: it begins to memorise. You can stop now; "
            "the best is kept.",
            step=best.step,
        )
    )  # fmt: skip
    return Health("warn", sentence, STOP)


def _assess_metrics(record: RunRecord) -> Health | None:
    """What the method says of its metrics."""
    spec = methods.load().get(record.started.method) if record.started else None
    if spec is None or spec.describe_progress is None:
        return None
    averages = {name: series.smooth(SMOOTHING) for name, series in record.metrics.items() if len(series) >= _FEW}
    sentence = spec.describe_progress({name: Trend(float(y[3]), float(y[-1])) for name, y in averages.items()})
    return Health("accent", tr(sentence)) if sentence else None


def _assess_loss(record: RunRecord) -> Health:
    losses = record.loss.smooth(SMOOTHING)
    spec = methods.load().get(record.started.method) if record.started else None
    words = (
        tr("Training has begun. The loss says how surprised the model is by the right answer; lower is better.")
        if spec is None or spec.describe_progress is None
        else tr("Training has begun. How it goes is said after {count} steps.", count=_FEW)
    )
    begun = Health("accent", words)
    if len(losses) < _FEW:
        return begun
    early, latest = float(losses[3]), float(losses[-1])
    if latest < _FALLING * early:
        words = tr("The loss is falling, from {early:.2f} to {latest:.2f}: the model predicts your answers better.",
                   early=early, latest=latest)  # fmt: skip
        return Health("good", words)
    if latest > _CLIMBING * early:
        words = tr("The loss is rising, from {early:.2f} to {latest:.2f}: the learning rate may be too high.",
                   early=early, latest=latest)  # fmt: skip
        return Health("warn", words, LOWER)
    if len(losses) < _STEADY:
        return begun
    words = tr("The loss is steady at {latest:.2f}. Give it some time; if it stays, raise the learning rate.",
               latest=latest)  # fmt: skip
    return Health("accent", words, CHANGE)
