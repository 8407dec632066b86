"""DAPO: GRPO for long reasoning. Decoupled Clip and Dynamic sAmpling Policy Optimization (arXiv:2503.14476).

Rare good tokens may grow faster (ε_high above ε), every token of the step counts alike, groups whose answers all
score the same are replaced, long answers are punished softly, and there is no KL. All of it are options of the
same loss, so that each can be had by itself.
"""

from dataclasses import dataclass

from core.data.kinds import QUESTIONS
from core.methods import Method
from core.methods._policy import LOSSES, check, loss
from core.methods._policy import Options as Policy
from core.options import option


@dataclass(frozen=True)
class Options(Policy):
    """The paper's values, where they differ from GRPO's."""

    loss_type: str = option(
        "dapo",
        "What answers count by: each token of the whole step (dapo) or of a batch (bnpo), each answer alike (grpo), "
        "or each token over the longest length (dr_grpo).",
        choices=LOSSES,
        label="Loss",
    )
    epsilon_high: float | None = option(
        0.28, "How far a token may become likelier before it stops counting.", low=0.0, high=10.0, unset="as epsilon"
    )
    dynamic_sampling: bool = option(
        True,
        "Throw away groups whose answers all score the same, and ask other questions in their place.",
        label="Refill flat groups",
    )
    overlong_buffer: int | None = option(
        None,
        "Soft punishment of long answers over the last so many tokens before the longest length. 0: none.",
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
    data=QUESTIONS,
    options=Options,
    loss=loss,
    on_policy=True,
    check=check,
    learning_rate=1e-4,
    learning_rate_full=1e-6,
    epochs=0.5,  # with the questions that replace others, about all of them are asked once
    weight="rows",
)
