"""The state of a run in sentences: plain functions of a Record. No Qt."""

import datetime
import math

from app.desktop.language import localize, tr
from app.runs.phase_text import describe_detail, describe_phase
from app.runs.record import RunRecord

_RELEASED = 0.9  # of the most that was held: where less is held now, that is worth saying

# How a run ended, by the reason of its last event.
ENDINGS = {
    "done": tr("Done"),
    "early_stop": tr("Done, stopped early"),
    "stopped": tr("Stopped and kept"),
    "failed": tr("Failed"),
}


def format_duration(seconds: float) -> str:
    """A length of time as people say it: 42 s, 3 min 5 s, 1 h 12 min; "–" where it is not known."""
    if not math.isfinite(seconds):
        return "–"
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return (
            tr("{minutes} min {seconds} s", minutes=s // 60, seconds=s % 60)
            if s < 600 and s % 60
            else tr("{minutes} min", minutes=s // 60)
        )
    return tr("{hours} h {minutes} min", hours=s // 3600, minutes=s % 3600 // 60)


def headline(record: RunRecord) -> str:
    """What the run is doing, in a few words."""
    if record.problem:
        return tr("Stopped by a problem")
    if record.finished:
        return ENDINGS.get(record.finished.reason, record.finished.reason)
    if record.paused:
        return tr("Paused")
    if record.phase is None:
        return tr("Getting ready")
    if record.started is not None and record.phase.detail:
        return describe_phase(record.phase)
    return tr(record.phase.name)


def describe_stop(record: RunRecord, validates: bool, answers: bool) -> str:
    """What a run that was asked to stop does before it ends; `validates` and `answers` say what its settings hold."""
    if record.last_step is None:
        return tr("Stopping. The run ends as soon as what it is doing can be left.")
    phase = record.phase.name if record.phase else ""
    if phase.startswith(("Saving", "Writing sample answers after")):
        parts = [tr("saves what was learned")] * (phase == "Saving") + [tr("writes sample answers")] * answers
    else:
        parts = [tr("finishes this step and saves it")]
        parts += [tr("validates the newest weights")] * validates + [tr("writes sample answers")] * answers
    sentence = tr(", then ").join(parts) or tr("ends")
    skip = (
        tr(" “Skip the rest” keeps what is saved, and leaves out validating and answers.")
        if validates or answers
        else ""
    )
    return tr("Stopping: the run {sentence}.{skip}", sentence=sentence, skip=skip)


def describe_pause() -> str:
    """What a run that was asked to pause does before it pauses."""
    return tr("Pausing: the run finishes this step, writes a checkpoint, and gives its memory back.")


def describe_paused(record: RunRecord, held_bytes: int) -> str:
    """Where a run stands that pauses; `held_bytes` is what this process holds, 0 where that is not known."""
    step = record.paused.step if record.paused else 0
    total = record.started.total_steps if record.started else step
    words = tr("Paused at step {step:,} of {total:,}. Its checkpoint holds all that it needs to go on.", step=step,
               total=total)  # fmt: skip
    if not held_bytes or not len(record.memory):
        return words
    most, now = max(record.memory.y), held_bytes / 2**30
    if now > _RELEASED * most:  # of a small model there is not much to see
        return f"{words} {tr('Nothing of it is in memory; Hone itself holds {now:.2f} GB.', now=now)}"
    held = tr("The memory is free again: Hone held {most:.2f} GB, and holds {now:.2f} GB now.", most=most, now=now)
    return f"{words} {held}"


def progress(record: RunRecord) -> str:
    """Step and epoch: "Step 40 of 120 · epoch 1.2 of 3"."""
    if record.started is None:
        return describe_detail(record.phase.detail) if record.phase else ""
    step = record.last_step.step if record.last_step else record.started.first_step - 1
    epoch = record.last_step.epoch if record.last_step else 0.0
    digits = 1 if record.started.epochs >= 1 else 2  # a short run is over before a tenth of the data
    return tr(
        "Step {step:,} of {total_steps:,} · epoch {epoch} of {epochs}",
        step=step,
        total_steps=record.started.total_steps,
        epoch=localize(f"{epoch:.{digits}f}"),
        epochs=localize(f"{record.started.epochs:.{digits}f}"),
    )


def times(record: RunRecord, now: float, is_ending: bool = False) -> str:
    """Elapsed time, and while the run goes on the remaining time with the clock time of its end; `now` in seconds.
    `is_ending` is whether it was asked to stop or to pause: the remaining steps are not taken then."""
    words = format_duration(record.elapsed(now))
    remaining = None if is_ending else record.seconds_left()
    if record.is_over or record.paused or remaining is None:
        return words
    end = datetime.datetime.fromtimestamp(now + remaining)
    return tr(
        "{words} · about {duration} left, until {end:%H:%M}", words=words, duration=format_duration(remaining), end=end
    )


def tokens(record: RunRecord) -> str:
    """How many tokens have gone through the model."""
    if record.last_step is None:
        return ""
    count = record.last_step.tokens
    return (
        tr("{count:.1f} M tokens seen", count=count / 1e6) if count >= 1e6 else tr("{count:,} tokens seen", count=count)
    )
