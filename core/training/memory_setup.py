"""What a training step of a run will take, and how its batches go through the model so that it fits."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from core.data.batch.groups import text_lengths
from core.device.machine import memory_limit, usable_bytes
from core.events import Event, Warned
from core.memory.estimate import Estimate, estimate_step
from core.memory.plan import Plan, resolve_plan
from core.model.check_folder import read_config
from core.model.sharding import Sharding
from core.reference.frozen_model import find_live_teacher
from core.resolved import MemoryFacts, to_json
from core.rollouts.on_policy import prompt_length
from core.run import Run
from core.text.sentence import say
from core.training.data_setup import TrainingData


def plan_memory(
    run: Run, data: TrainingData, device: str, sharding: Sharding | None = None
) -> Generator[Event, None, tuple[Plan, MemoryFacts]]:
    """(how batches go through the model, what a step will take); a warning where that is more than there is, and a
    note where a batch is parted for it."""
    tokens, config = _longest_row(run, data.dataset.train), read_config(data.model_folder)
    live_teacher = find_live_teacher(run)

    def estimate_planned(planned: Run) -> Estimate | None:
        folder = data.model_folder
        step = estimate_step(config, planned, device=device, tokens=tokens, folder=folder, teacher=live_teacher)
        return replace(step, weights=step.weights // sharding.group.size) if step and sharding else step

    usable = usable_bytes(device)
    if sharding:  # all ranks compute the same batches
        usable = min(sharding.group.gather(usable // sharding.neighbours))
    plan, estimate, advice = resolve_plan(run, tokens, device, usable, estimate_planned)
    if sharding:  # one after the other, so that what the layers exchange comes in the same order on all
        plan = replace(plan, parallel_batches=1)
    limit = memory_limit(device)
    if estimate is None:
        return plan, MemoryFacts(plan.checkpointing, limit=limit)
    if advice:
        yield Warned("memory", advice)
    elif device != "cpu" and plan.rows < run.train.batch_size:
        in_parts = say(
            "A batch of {batch_size} rows goes through the model in parts of {rows}",
            batch_size=run.train.batch_size,
            rows=plan.rows,
        )
        yield Warned("micro-batches", say("{in_parts}, as the memory allows, and counts as one.", in_parts=in_parts))
    parts = to_json(estimate) | {"low": estimate.low, "high": estimate.high}
    return plan, MemoryFacts(plan.checkpointing, parts, limit=limit)


def _longest_row(run: Run, rows: Sequence[Any]) -> int:
    """Tokens of the longest row, all its texts together; with the longest answer where the model writes some."""
    if run.spec.on_policy:
        return max(len(prompt.tokens) for prompt in rows) + int(run.options.max_completion_length)
    longest = int(text_lengths(rows).sum(axis=1).max())
    if not run.on_policy_share:
        return longest
    longest_answered = max(map(prompt_length, rows)) + run.options.max_new_tokens
    return int(max(longest, min(run.data.max_seq_len, longest_answered)))
