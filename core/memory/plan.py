"""How a batch goes through the model so that it fits into memory: whole or in parts, with its blocks kept or not.

Needs no MLX. What is asked for stays what is learned from: micro-batches of a batch count as one, and gradient
checkpointing gives the same numbers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from core.device.parallel_plan import parallel_batches
from core.memory.estimate import Estimate
from core.memory.rows_at_once import CPU_TOKENS, learned_at_once
from core.quant.modes import UNPACKED
from core.run import Run
from core.text.sentence import say

GPU_TOKENS = 2048  # fewer at once would leave a GPU idle: checkpointing is tried first

EstimateStep = Callable[[Run], Estimate | None]  # what a step of a run takes; None where that cannot be told


@dataclass(frozen=True)
class Plan:
    """How many rows of a batch go through the model at once, and whether its blocks are checkpointed."""

    rows: int  # at once, over all parallel batches
    tokens: int  # or more, shorter rows with so many tokens together
    checkpointing: bool
    reason: str
    parallel_batches: int = 1  # micro-batches computed side by side


class ResolvedPlan(NamedTuple):
    """A plan, what a step of it takes, and what to try where that is too much."""

    plan: Plan
    estimate: Estimate | None  # None where it cannot be told
    advice: str  # a sentence; "" where the step fits


def choose_plan(run: Run, tokens: int, device: str, usable: int, estimate: EstimateStep) -> Plan:
    """The quickest plan for a run that fits into memory, or the smallest where none does.

    Arguments:
        tokens: of the longest row, all its texts together.
        device: "cpu" or "gpu".
        usable: bytes of memory that there are.
        estimate: says what a step of a run takes; a plan is accepted where it says None.
    """
    candidates = list(_candidates(run, tokens, device))
    for plan in candidates:
        memory = estimate(apply_plan(run, plan))
        if memory is None or memory.high <= usable:
            return plan if plan == candidates[0] else replace(plan, reason=say("more would not fit into the memory"))
    return replace(candidates[-1], reason=say("the least that is possible"))


def resolve_plan(run: Run, tokens: int, device: str, usable: int, estimate: EstimateStep) -> ResolvedPlan:
    """choose_plan() with its estimate and advice; the arguments are the same."""
    plan = choose_plan(run, tokens, device, usable, estimate)
    planned = apply_plan(run, plan)
    memory = estimate(planned)
    return ResolvedPlan(plan, memory, "" if memory is None else suggest_savings(memory, usable, planned))


def apply_plan(run: Run, plan: Plan) -> Run:
    """The run as its steps are computed under a plan, for an estimate."""
    parts = -(-run.train.batch_size * run.train.gradient_accumulation_steps // plan.rows)
    run = run.replace("train.batch_size", plan.rows).replace("train.gradient_accumulation_steps", parts)
    return run.replace("train.gradient_checkpointing", "on" if plan.checkpointing else "off")


def suggest_savings(estimate: Estimate, usable: int, run: Run) -> str:
    """A sentence that says what to try where a step would not fit into so many bytes; "" where it fits."""
    if estimate.low <= usable:
        return ""
    need = say("This needs {words}, and {usable:.1f} GB can be used", words=estimate.words, usable=usable / 1e9)
    if run.adapter.type == "full":
        return say("{need}: try LoRA.", need=need)
    if run.model.quantization == UNPACKED and estimate.weights > estimate.total / 3:
        return say("{need}: try 4 bit (nf4).", need=need)
    if run.spec.on_policy:
        if estimate.answers > estimate.activations + estimate.logits and run.options.answers_at_once > 1:
            return say("{need}: try to write fewer answers together (answers_at_once).", need=need)
        if run.options.micro_batch_size > 1:
            return say("{need}: try to learn from fewer answers together (micro_batch_size).", need=need)
    elif run.train.batch_size > 1:
        return say("{need}: try a smaller batch size, with accumulation in its place.", need=need)
    if run.train.gradient_checkpointing != "on":
        return say("{need}: try gradient checkpointing or a lower maximum length.", need=need)
    return say("{need}: try a lower maximum length or a smaller model.", need=need)


def _candidates(run: Run, tokens: int, device: str) -> Iterator[Plan]:
    """The possible plans, from the quickest to the smallest."""
    batch, accumulation = run.train.batch_size, run.train.gradient_accumulation_steps
    requested = run.train.gradient_checkpointing
    parallel = parallel_batches(run, device)
    in_parts = say("a processor is as quick with parts of a batch, in less memory")
    if run.spec.on_policy:  # its answers are learned from in micro-batches of their own
        most = learned_at_once(run.options, device, run.options.max_completion_length)
        as_asked = say("as many answers together as asked")
        reason = in_parts if most < run.options.micro_batch_size else as_asked
        yield Plan(batch, 0, requested == "on", reason, parallel)
        return
    checkpointing_choices = [False, True] if requested == "auto" else [requested == "on"]
    if not run.spec.decomposable:
        parallel = min(parallel, accumulation)
        choices = [(checkpointing, parallel) for checkpointing in checkpointing_choices]
        if parallel > 1:
            choices.append((checkpointing_choices[-1], 1))
        for checkpointing, count in choices:
            yield Plan(batch * count, batch * tokens, checkpointing, say("the loss needs its batch whole"), count)
        return
    parallel = min(parallel, batch * accumulation)
    fast_tokens = CPU_TOKENS if device == "cpu" else GPU_TOKENS
    max_rows = max(parallel, min(batch, fast_tokens // tokens)) if device == "cpu" else batch
    reason = in_parts if max_rows < batch else say("the whole batch fits")
    for checkpointing in checkpointing_choices:
        may_checkpoint = not checkpointing and len(checkpointing_choices) > 1
        rows = max_rows
        while True:
            limit = max(CPU_TOKENS if rows == max_rows < batch else 0, rows * tokens)
            yield Plan(rows, limit, checkpointing, reason, min(parallel, rows))
            if rows == 1 or (may_checkpoint and rows * tokens <= fast_tokens):
                break
            rows = (rows + 1) // 2
