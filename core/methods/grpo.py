"""GRPO: Group Relative Policy Optimization (arXiv:2402.03300).

The model answers each prompt several times, and answers that scored above the mean of their group become likelier.
Advantages come from the group of answers to one prompt, so no value model is needed; see _policy_loss.py for the
loss and core.rollouts.advantages for the advantages.
"""

from dataclasses import dataclass

from core.data.kinds import QUESTIONS
from core.methods import REASONING, Method
from core.methods._on_policy import REWARD_CHARTS, SOLVED, describe_progress
from core.methods._policy import Options as Policy
from core.methods._policy import check, idle
from core.methods._policy_loss import loss


@dataclass(frozen=True)
class Options(Policy):
    """Options of the policy loss, with their usual defaults."""


SPEC = Method(
    title="GRPO",
    goal="I can check an answer automatically",
    summary="The model writes several answers to each question, a rule scores them, and it does more of what scored "
    "above its own average. For tasks that can be checked: maths, code, format.",
    needs="Questions with a way to score answers, from about 100; no sample answers. The model must sometimes be right "
    "already.",
    cost="Slow: most time goes into writing answers. A KL penalty costs one more forward pass.",
    paper="arXiv:2402.03300",
    group=REASONING,
    group_rank=1,
    data=QUESTIONS,
    options=Options,
    loss=loss,
    on_policy=True,
    check=check,
    idle=idle,
    learning_rate=1e-4,
    learning_rate_full=1e-6,
    epochs=1.0,
    weight="rows",
    charts=REWARD_CHARTS,
    criteria=(SOLVED,),
    describe_progress=describe_progress,
    shortcuts={"loss_type": {"rule": "loss_type"}},
)
