"""Whether the Neural Engine is quick enough for a run: what a step takes with it and without, from what was measured.

Seconds are those of one text at a bucket's length. A program always computes the whole bucket, MLX a text's tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.ane.verdict import ALWAYS, SLOWEST, Verdict, accepted, accepted_forward, refused
from core.text.sentence import say

Facts = Mapping[str, Any]  # of a probe, with the seconds of core.ane.timing.PartSeconds


@dataclass(frozen=True)
class Work:
    """What a run has to compute."""

    longest: int  # tokens of a text
    mean: float  # tokens of a text
    rows: int = 1  # texts in the model at once
    unlearned: int = 0  # texts that go forward without a gradient, over the whole run: reference and validation


@dataclass(frozen=True)
class StepShape:
    """A model's blocks, and how much of a bucket its texts fill."""

    blocks: int
    trained: int  # blocks from the first adapter on: those below need no gradient
    fill: float  # mean tokens of a text, as a share of the bucket


def step_seconds(facts: Facts, shape: StepShape) -> tuple[float, float]:
    """(with the engine, without it) for a text: blocks forward, their gradients, the head and the loss."""
    trained, frozen, fill = shape.trained, shape.blocks - shape.trained, shape.fill
    with_engine = shape.blocks * facts["seconds"] + fill * (
        trained * facts["gradient_seconds"] + facts["head_on_cpu_seconds"]
    )
    without = fill * (trained * facts["block_seconds"] + frozen * facts["forward_seconds"] + facts["head_seconds"])
    return with_engine, without


def judge_step(facts: Facts, choice: str, shape: StepShape) -> Verdict:
    """Whether whole steps are computed with the engine, for a preference of core.ane.verdict."""
    with_engine, without = step_seconds(facts, shape)
    ratio = with_engine / without
    found = {**facts, "step_seconds": with_engine, "step_seconds_without": without, "ratio": ratio}
    if ratio > SLOWEST[choice]:
        limit = "" if SLOWEST[choice] == 1 else say("; up to {slowest:g} times is accepted", slowest=SLOWEST[choice])
        return refused(
            "slower",
            say("With it a step would take {ratio:.1f} times as long as without{limit}.", ratio=ratio, limit=limit),
            **found,
        )
    return accepted(found)


def judge_forward(facts: Facts, choice: str, shape: StepShape, unlearned: int) -> Verdict:
    """Whether it computes the passes that need no gradient, for so many texts, while another device trains.

    Used where that is quicker, the making of its programs included; where it is always wanted, in any case.
    """
    ratio = facts["seconds"] / (shape.fill * facts["forward_seconds"])
    saved = unlearned * shape.blocks * (shape.fill * facts["forward_seconds"] - facts["seconds"])
    making = shape.blocks * facts.get("making_seconds", 0.0)
    found = {**facts, "forward_ratio": ratio, "forward_seconds_saved": saved}
    if choice != ALWAYS and ratio >= 1:
        return refused(
            "slower", say("A forward pass would take {ratio:.1f} times as long there.", ratio=ratio), **found
        )
    if choice != ALWAYS and saved <= making:
        less = say(
            "Making its programs would take {making:,.0f} s, and they would save {saved:,.0f} s.",
            making=making,
            saved=saved,
        )
        return refused("slower", less, **found)
    return accepted_forward(found)
