"""SimPO: simple preference optimization. Prefers the chosen answer by a margin, without a reference model."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import PAIRS
from core.methods import PREFERENCES, Method
from core.methods._preference import (
    ACCURACY_CRITERION,
    LIKELIHOOD_CHARTS,
    answer_lengths,
    describe_progress,
    mean_chosen_logp,
    reward_metrics,
)
from core.options import option


@dataclass(frozen=True)
class Options:
    """Options of SimPO."""

    beta: float = option(
        2.0,
        "Scale of the reward (mean log-probability per token): how strongly the margin between the answers counts. "
        "With a large value a small margin is enough.",
        low=0.01,
        high=100.0,
        label="Beta",
        basic=True,
    )
    gamma: float = option(
        0.5,
        "Target margin between the two rewards, in the reward's units. The paper takes 0.25 to 0.5 times beta.",
        low=0.0,
        high=100.0,
        label="Gamma (margin)",
        basic=True,
    )
    nll_weight: float = option(
        0.0,
        "Weight of an added SFT loss (negative log-likelihood) on the better answers.",
        low=0.0,
        high=100.0,
        label="SFT weight",
        when="Raise it if answers become odd: nothing else holds the model back.",
    )


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """Mean over the pairs of −log σ(β·(ā_chosen − ā_rejected) − γ), ā an answer's mean log-probability per token.

    logps [2R, T-1], chosen first. γ is the absolute margin (TRL's CPOTrainer with loss_type="simpo": simpo_gamma).
    `nll_weight` adds the chosen answers' mean negative log-likelihood per token (TRL: cpo_alpha).

    Under gradient accumulation batches count by their pairs; TRL takes the mean of their means, which is the same
    except for a last batch that is smaller. Conversations end as their template ends them; CPOTrainer puts another EOS
    behind answers that do not end with one (ChatML's newline).
    """
    import mlx.core as mx
    from mlx.nn import log_sigmoid

    chosen, rejected = mx.split(o.beta * logps.sum(-1) / answer_lengths(batch), 2)
    total = -log_sigmoid(chosen - rejected - o.gamma).mean()
    if o.nll_weight:
        total = total - o.nll_weight * mean_chosen_logp(logps, batch)
    return total, reward_metrics(chosen, rejected)


SPEC = Method(
    title="SimPO",
    goal="I have better and worse answers, and little memory",
    summary="Learns from pairs like DPO, but compares answers by their average word and needs no second opinion.",
    needs="Questions with a better and a worse answer each, from about 100; 1,000 or more is better.",
    cost="About twice SFT: two answers a row, and nothing beside them.",
    paper="arXiv:2405.14734",
    group=PREFERENCES,
    data=PAIRS,
    options=Options,
    loss=loss,
    learning_rate=2e-5,
    learning_rate_full=8e-7,
    weight="rows",
    decomposable=True,
    charts=LIKELIHOOD_CHARTS,
    criteria=(ACCURACY_CRITERION,),
    describe_progress=describe_progress,
    shortcuts={"simpo_beta": {"beta": "beta", "gamma": "gamma"}},
)
