"""GRPO: the model answers each question several times, and does more of what scored above its own average.

Group Relative Policy Optimization (arXiv:2402.03300). Advantages come from the group of answers to one question,
so no second model has to judge; see _policy.py for the loss.
"""

from dataclasses import dataclass

from core.data.kinds import QUESTIONS
from core.methods import Method
from core.methods._policy import Options as Policy
from core.methods._policy import check, loss


@dataclass(frozen=True)
class Options(Policy):
    """Those of the policy loss, as they are."""


SPEC = Method(
    title="GRPO",
    goal="I can check an answer automatically",
    summary="The model writes several answers to each question, a rule scores them, and it does more of what scored "
    "above its own average. For tasks that can be checked: maths, code, format.",
    needs="Questions with a way to score answers, from about 100; no sample answers. The model must sometimes be right "
    "already.",
    cost="Slow: most time goes into writing answers. A KL pull costs one more pass.",
    paper="arXiv:2402.03300",
    data=QUESTIONS,
    options=Options,
    loss=loss,
    on_policy=True,
    check=check,
    learning_rate=1e-4,
    learning_rate_full=1e-6,
    epochs=1.0,
    weight="rows",
)
