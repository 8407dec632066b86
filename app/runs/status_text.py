"""What is going on, in sentences. Plain functions over a Record; no Qt."""

import datetime
import math

from app.runs.record import Record

_RISING = 1.02  # validation this much above its best counts as getting worse
_FEW = 8  # steps before anything is said of a trend
_STALLED = 3  # validations in a row without a new best before it is said


def duration(seconds: float) -> str:
    """A length of time as people say it: 42 s, 3 min 5 s, 1 h 12 min."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} min {s % 60} s" if s < 600 and s % 60 else f"{s // 60} min"
    return f"{s // 3600} h {s % 3600 // 60} min"


def headline(record: Record) -> str:
    """What the run is busy with, in a few words."""
    if record.problem:
        return "Stopped by a problem"
    if record.finished:
        words = {"done": "Done", "stopped": "Stopped and kept", "early_stop": "Done, stopped early", "failed": "Failed"}
        return words.get(record.finished.reason, record.finished.reason)
    if record.phase is None:
        return "Getting ready"
    if record.started is not None and record.phase.detail:
        return f"{record.phase.name}, {record.phase.detail}"
    return record.phase.name


def progress(record: Record) -> str:
    """Step and epoch: "Step 40 of 120 · epoch 1.2 of 3"."""
    if record.started is None:
        return record.phase.detail if record.phase else ""
    step = record.last.step if record.last else record.started.first_step - 1
    epoch = record.last.epoch if record.last else 0.0
    return f"Step {step:,} of {record.started.total_steps:,} · epoch {epoch:.1f} of {record.started.epochs:.1f}"


def times(record: Record, now: float) -> str:
    """How long it has run and has to go, with the clock time of its end."""
    words = duration(record.elapsed(now))
    left = record.seconds_left()
    if record.over or left is None:
        return words
    end = datetime.datetime.fromtimestamp(now + left)
    return f"{words} · about {duration(left)} left, until {end:%H:%M}"


def tokens(record: Record) -> str:
    """How many tokens it has seen."""
    if record.last is None:
        return ""
    seen = record.last.tokens
    return f"{seen / 1e6:.1f} M tokens seen" if seen >= 1e6 else f"{seen:,} tokens seen"


def going(record: Record) -> str:
    """One sentence on how it is going."""
    if record.finished and record.finished.reason != "failed":
        return record.finished.message
    if record.problem:
        return record.problem
    if record.started is None:
        return "The first point appears once data and model are loaded."
    if record.last is None:
        return "Measuring how the model does before it learns anything."
    if not math.isfinite(record.last.loss):
        return "The loss is no longer a number: stop, and try a lower learning rate."
    return _worse(record) or _preference(record) or _reward(record) or _trend(record)


def _worse(record: Record) -> str:
    measured = record.validations
    if record.best is None or len(measured) <= _STALLED:
        return ""
    since = [v for v in measured if v.step > record.best.step]
    if len(since) >= _STALLED and since[-1].loss > record.best.loss * _RISING:
        return (
            f"It no longer gets better on unseen examples since step {record.best.step:,}: it begins to memorise. "
            "You can stop now; the best is kept."
        )
    return ""


def _preference(record: Record) -> str:
    """For methods that tell better from worse answers: how often they do, and how clearly."""
    accuracy, margin = record.metrics.get("accuracy"), record.metrics.get("margin")
    if accuracy is None or len(accuracy) < _FEW:
        return ""
    right = float(accuracy.smooth(0.9)[-1])
    if margin is None:
        return f"It moves {right:.0%} of the answers the right way: good ones become likelier, bad ones less so."
    words, lead = f"It tells better from worse answers {right:.0%} of the time", float(margin.smooth(0.9)[-1])
    if right > 0.98 and lead > 5:
        return f"{words}, with a very large lead: it has learned what there is to learn, and may begin to overdo it."
    early = float(margin.smooth(0.9)[3])
    if lead > early + 0.05:
        return f"{words}, and the lead of the better ones grows: {early:.2f} → {lead:.2f}."
    return f"{words}; the lead of the better ones stays at {lead:.2f}. Give it some time."


def _reward(record: Record) -> str:
    """For methods that score the model's own answers: whether the scores rise, or what keeps them."""
    reward, flat = record.metrics.get("reward"), record.metrics.get("flat_groups")
    if reward is None or len(reward) < _FEW:
        return ""
    if flat is not None and len(flat) and float(flat.smooth(0.9)[-1]) > 0.95:
        return (
            "Nothing to learn from: in nearly every group all answers score the same. Try other questions or rewards."
        )
    cut = record.metrics.get("cut_off")
    if cut is not None and len(cut) and float(cut.smooth(0.9)[-1]) > 0.5:
        return "More than half of the answers are cut off: raise the longest answer, or reward shorter ones."
    scores = reward.smooth(0.9)
    early, now = float(scores[3]), float(scores[-1])
    if now > early + 0.02:
        return f"The answers score better: {early:.2f} → {now:.2f} on average."
    if now < early - 0.05:
        return f"The answers score worse than at first: {early:.2f} → {now:.2f}. The learning rate may be too high."
    return f"The answers score {now:.2f} on average, as at first. Give it some time."


def _trend(record: Record) -> str:
    losses = record.loss.smooth(0.9)
    if len(losses) < _FEW:
        return "Training has begun. The loss says how surprised the model is by the right answer; lower is better."
    early, now = float(losses[min(3, len(losses) - 1)]), float(losses[-1])
    if now < 0.97 * early:
        return f"The loss is falling, from {early:.2f} to {now:.2f}: the model predicts your answers better."
    if now > 1.1 * early:
        return f"The loss is rising, from {early:.2f} to {now:.2f}: the learning rate may be too high."
    return f"The loss is steady at {now:.2f}. Give it some time; if it stays, raise the learning rate."
