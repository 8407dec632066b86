"""DAPO: Decoupled Clip and Dynamic sAmpling Policy Optimization, GRPO for long reasoning (arXiv:2503.14476).

Rare good tokens may grow faster (ε_high above ε), every token of the step has the same weight, groups without a
difference in rewards are replaced, long answers get a soft penalty, and there is no KL. All of these are options of
the policy loss, so that GRPO can use each by itself.
"""

from dataclasses import dataclass

from core.data.kinds import QUESTIONS
from core.methods import REASONING, Method
from core.methods._on_policy import REWARD_CHARTS, SOLVED, describe_progress
from core.methods._policy import LOSS_TYPES, check, idle
from core.methods._policy import Options as Policy
from core.methods._policy_loss import loss
from core.options import option


@dataclass(frozen=True)
class Options(Policy):
    """Options of the policy loss, with the paper's values where they differ from GRPO's."""

    loss_type: str = option(
        "dapo",
        "How token losses are averaged: over all tokens of the step (dapo) or of a batch (bnpo), per answer first "
        "(grpo), or divided by the longest answer's length (dr_grpo).",
        choices=LOSS_TYPES,
        label="Loss type",
    )
    epsilon_high: float | None = option(
        0.28,
        "How far a token may become likelier before it is clipped: the probability ratio is at most 1 + this.",
        low=0.0,
        high=10.0,
        unset="as epsilon",
    )
    dynamic_sampling: bool = option(
        True,
        "Discard groups whose answers all have the same reward, the soft penalty for long ones aside, and sample other "
        "prompts in their place.",
        label="Dynamic sampling",
    )
    overlong_buffer: int | None = option(
        None,
        "Soft penalty for long answers: it grows over this many tokens before the longest length. 0: none.",
        low=0,
        high=131_072,
        unset="a fifth of the longest answer",
        label="Overlong buffer",
    )


SPEC = Method(
    title="DAPO",
    goal="I can check an answer, and it takes long thinking",
    summary="GRPO tuned for long reasoning: questions where all answers score the same are replaced, every word counts "
    "alike, and rare good ideas grow faster.",
    needs="The same as GRPO: questions with a way to score answers.",
    cost="Slower per step than GRPO, because questions without a difference are asked again; each step teaches more.",
    paper="arXiv:2503.14476",
    group=REASONING,
    data=QUESTIONS,
    options=Options,
    loss=loss,
    on_policy=True,
    check=check,
    idle=idle,
    learning_rate=1e-4,
    learning_rate_full=1e-6,
    epochs=0.5,  # with the prompts of refills, about every prompt is asked once
    weight="rows",
    charts=REWARD_CHARTS,
    criteria=(SOLVED,),
    describe_progress=describe_progress,
    shortcuts={"loss_type": {"rule": "loss_type"}},
)
