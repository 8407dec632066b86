"""How a batch goes through the model so that it fits into memory: whole or in parts, with its blocks kept or not.

Needs no MLX. What is asked for stays what is learned from: parts of a batch count as one, and checkpointing gives the
same numbers.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.device.parallel_plan import parallel_batches
from core.memory.estimate import Estimate, suggest_savings

CPU_TOKENS = 512  # at once on a processor: more made a step no quicker
GPU_TOKENS = 2048  # fewer at once would leave a GPU idle: checkpointing is tried first


@dataclass(frozen=True)
class Plan:
    """`rows` go through the model at once, or more short ones of so many `tokens` together, in so many `lanes`."""

    rows: int
    tokens: int
    checkpointing: bool
    reason: str
    parallel_batches: int = 1


def choose_plan(run: Any, tokens: int, device: str, usable: int, estimate: Callable[[Any], Estimate | None]) -> Plan:
    """The quickest way for a core.run.Run that fits into so many usable bytes, or the smallest where none does.

    `tokens` are those of the longest row, all its texts together; `estimate` says what a step of a run takes.
    """
    tried = list(_ways(run, tokens, device))
    first = tried[0]
    for way in tried:
        found = estimate(apply_plan(run, way))
        if found is None or found.high <= usable:
            return way if way == first else replace(way, reason="more would not fit into the memory")
    return replace(tried[-1], reason="the least that is possible")


def resolve_plan(
    run: Any, tokens: int, device: str, usable: int, estimate: Callable[[Any], Estimate | None]
) -> tuple[Plan, Estimate | None, str]:
    """(plan(), what a step of it takes, what to try where that is too much); None and "" where it cannot be told."""
    way = choose_plan(run, tokens, device, usable, estimate)
    planned = apply_plan(run, way)
    found = estimate(planned)
    return way, found, "" if found is None else suggest_savings(found, usable, planned)


def apply_plan(run: Any, way: Plan) -> Any:
    """The run as its steps are then computed, for an estimate."""
    parts = -(-run.train.batch_size * run.train.gradient_accumulation_steps // way.rows)
    run = run.replace("train.batch_size", way.rows).replace("train.gradient_accumulation_steps", parts)
    return run.replace("train.gradient_checkpointing", "on" if way.checkpointing else "off")


def _ways(run: Any, tokens: int, device: str) -> Iterator[Plan]:
    """From the quickest to the smallest."""
    batch, asked = run.train.batch_size, run.train.gradient_checkpointing
    lanes = parallel_batches(run, device)
    if run.spec.on_policy:  # its answers are learned from in parts of their own
        yield Plan(batch, 0, asked == "on", "as many answers together as asked", lanes)
        return
    kept = [False, True] if asked == "auto" else [asked == "on"]
    if not run.spec.decomposable:
        lanes = min(lanes, run.train.gradient_accumulation_steps)
        ways = [(checkpointing, lanes) for checkpointing in kept]
        if lanes > 1:
            ways.append((kept[-1], 1))
        for checkpointing, beside in ways:
            yield Plan(batch * beside, batch * tokens, checkpointing, "the loss needs its batch whole", beside)
        return
    quick = CPU_TOKENS if device == "cpu" else GPU_TOKENS
    lanes = min(lanes, batch * run.train.gradient_accumulation_steps)
    most = max(lanes, min(batch, quick // tokens)) if device == "cpu" else batch
    why = "a processor is as quick with parts of a batch, in less memory" if most < batch else "the whole batch fits"
    for checkpointing in kept:
        rows = most
        while True:
            together = max(CPU_TOKENS if rows == most < batch else 0, rows * tokens)
            yield Plan(rows, together, checkpointing, why, min(lanes, rows))
            if rows == 1 or (not checkpointing and len(kept) > 1 and rows * tokens <= quick):
                break
            rows = (rows + 1) // 2
