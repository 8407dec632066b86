"""How many optimizer steps a run has, and what happens at which."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from core.run import Run
from core.text.sentence import say
from core.training.lr_schedule import default_warmup

MAX_EVALUATIONS = 10  # over a run, unless eval_every says otherwise; they never take longer than the training


@dataclass(frozen=True)
class Schedule:
    """How many optimizer steps there are, and what happens at which."""

    total_steps: int
    learning_rate: float  # the peak
    warmup: int  # steps
    eval_every: int  # steps
    save_every: int  # steps


def plan_schedule(run: Run, steps: int, eval_rows: int, answers_per_row: int) -> Schedule:
    """The numbers of steps as asked for; where they are not, evaluations take no longer than the training."""
    t = run.train
    rows_learned = steps * t.batch_size * t.gradient_accumulation_steps * answers_per_row
    evaluations = min(MAX_EVALUATIONS, max(1, rows_learned // max(1, eval_rows)))
    eval_every = t.eval_every or max(1, math.ceil(steps / evaluations))
    return Schedule(
        total_steps=steps,
        learning_rate=run.usual_learning_rate if t.learning_rate is None else t.learning_rate,
        warmup=default_warmup(t.lr_schedule, steps) if t.warmup_steps is None else t.warmup_steps,
        eval_every=eval_every,
        save_every=t.save_every or eval_every,
    )


def describe_out_of_reach(run: Run, schedule: Schedule, eval_rows: int) -> Iterator[str]:
    """A sentence for each setting that was asked for and that the run is too short for, or validates too seldom."""
    t, steps = run.train, schedule.total_steps
    before_the_end = (steps - 1) // schedule.eval_every if eval_rows else 0  # validations that could stop it early
    if t.early_stop and not eval_rows:
        yield say("--early-stop does nothing without held-out rows.")
    elif t.early_stop and t.early_stop >= before_the_end:  # the first of them is always the best so far
        yield say(
            "--early-stop {patience} does nothing: the run validates too seldom before its end, {count} times.",
            patience=t.early_stop,
            count=before_the_end,
        )
    if t.warmup_steps and t.warmup_steps >= steps:
        yield say(
            "The warm-up of {warmup} steps is no shorter than the run of {steps}: the learning rate never reaches "
            "{peak:g}.",
            warmup=t.warmup_steps,
            steps=steps,
            peak=schedule.learning_rate,
        )
