"""How many optimizer steps a run has, and what happens at which."""

import math
from dataclasses import dataclass

from core.run import Run
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
