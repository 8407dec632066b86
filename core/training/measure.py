"""A dry run: everything is prepared and real optimizer steps are taken, so that time and memory are measured, not
guessed. Nothing of it is kept."""

import math
import tempfile
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime

import mlx.core as mx

from core.device.keep_awake import keep_awake
from core.device.release import releasing
from core.errors import Unavailable, UserError
from core.events import Event, Phase, Step
from core.run import Run
from core.run.folder import RunFolder
from core.text.sentence import say
from core.training.checkpoint import Progress
from core.training.dry_run import dry_run, limit_cache
from core.training.endings import explain_failure
from core.training.optimizer_step import OptimizerStepper
from core.training.prepare import prepare
from core.training.recovery import Recovery
from core.training.setup import Setup
from core.training.stopping import refuse_stopped, until_stopped
from core.training.train_step import TrainStep

STEPS = 3  # that are taken; the first is not timed: shapes are compiled and caches filled in it
FORWARD = 1 / 3  # of a step's time is its forward pass, which is what a validation takes


@dataclass(frozen=True)
class Measured:
    """What a run will take, from steps that were taken."""

    steps: int  # of the whole run
    step_seconds: float  # of one optimizer step
    seconds: float  # of the whole run with its validations; loading and sample answers are left out
    peak_memory_bytes: int  # of MLX, in the longest batch where that is known before
    rows: int
    eval_rows: int
    trained_parameters: int

    def sentence(self, now: float) -> str:
        """The figures for people; `now` in seconds since 1970, from which the time of the end follows."""
        start, end = datetime.fromtimestamp(now), datetime.fromtimestamp(now + self.seconds)
        days = (end.date() - start.date()).days
        day = "" if days == 0 else say("tomorrow ") if days == 1 else f"{end:%d %b} "
        steps = say("1 step") if self.steps == 1 else say("{steps:,} steps", steps=self.steps)
        peak = self.peak_memory_bytes
        memory = f"{peak / 1e9:.2f} GB" if peak >= 1e9 else f"{peak / 1e6:.0f} MB"
        return say(
            "A step took {step_seconds} and {memory} of memory: {steps} take about {seconds}, until "
            "{day}{end} if started now.",
            step_seconds=format_seconds(self.step_seconds),
            memory=memory,
            steps=steps,
            seconds=format_seconds(self.seconds),
            day=day,
            end=f"{end:%H:%M}",
        )


def format_seconds(seconds: float) -> str:
    """A length of time: 0.4 s, 42 s, 12 min, 3 h 5 min."""
    if seconds < 9.95:
        return say("{seconds:.2g} s", seconds=max(seconds, 0.01))
    if seconds < 100:
        return say("{seconds:.0f} s", seconds=seconds)
    minutes = round(seconds / 60)
    return (
        say("{minutes} min", minutes=minutes)
        if minutes < 60
        else say("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
    )


def measure(run: Run, stop: threading.Event | None = None) -> Generator[Event, None, Measured]:
    """Take the first steps of a run on the thread that iterates, and throw them away. No folder is written.

    Yields the phases and warnings of preparing it. Raises what core.train.train() raises, with one sentence for what a
    person can put right, and Unavailable once `stop` is set.
    """
    stop = stop or threading.Event()
    with keep_awake(), tempfile.TemporaryDirectory(prefix="hone-dry-run-") as temporary:
        # A folder that is there: answers are written into it with their scores.
        run = run.check().with_absolute_paths().replace("output", temporary)
        try:
            return (yield from releasing(_measure(run, stop)))
        except UserError:
            raise
        except BaseException as error:
            sentence = explain_failure(error) if isinstance(error, Exception) else None
            if sentence is None:
                raise
            raise Unavailable(sentence) from error


def _measure(run: Run, stop: threading.Event) -> Generator[Event, None, Measured]:
    setup = yield from until_stopped(prepare(run, RunFolder.plan(run), stop), stop)
    memory_limit, train_step = mx.get_memory_limit(), None
    try:
        yield Phase("Measuring a step")
        limit_cache(setup.on_gpu)
        mx.reset_peak_memory()
        train_step = TrainStep(setup)
        recovery = Recovery(setup, train_step)
        dry_run(setup, train_step, recovery)
        stepper = OptimizerStepper(setup, train_step, Progress(), recovery)
        taken = []
        for _ in range(min(STEPS, setup.schedule.total_steps)):
            refuse_stopped(stop)
            taken.append(stepper.step())
        return _sum_up(setup, taken)
    finally:
        mx.set_memory_limit(memory_limit)
        setup.close()
        if train_step:
            train_step.close()


def _sum_up(setup: Setup, taken: Sequence[Step]) -> Measured:
    """The run's figures by the steps that were taken, the first left out where there are others."""
    steps = setup.schedule.total_steps
    first = taken[0] if len(taken) > 1 else None
    seconds = taken[-1].seconds - (first.seconds if first else 0.0)
    tokens = taken[-1].tokens - (first.tokens if first else 0)
    step_seconds = seconds / (len(taken) - bool(first))
    evaluations = 1 + math.ceil(steps / setup.schedule.eval_every)  # and one before the first step
    held_out = sum(batch.real_tokens for batch in setup.eval_batches)
    validating = evaluations * held_out * FORWARD * seconds / max(1, tokens)
    return Measured(
        steps=steps,
        step_seconds=step_seconds,
        seconds=steps * step_seconds + validating,
        peak_memory_bytes=setup.resolved.memory.measured or taken[-1].peak_memory_bytes,
        rows=len(setup.rows),
        eval_rows=setup.eval_rows,
        trained_parameters=setup.resolved.model.trainable_parameters,
    )
