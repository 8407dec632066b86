"""SimPO: simple preference optimization. Prefers the better answer by a margin, without a reference."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import PAIRS
from core.methods import Method
from core.methods._pairs import lengths, likelihood, metrics
from core.options import option


@dataclass(frozen=True)
class Options:
    """What can be set for SimPO."""

    beta: float = option(
        2.0,
        "How strongly a lead counts. Large values make the model sure sooner.",
        low=0.01,
        high=100.0,
        label="Strength",
        basic=True,
    )
    gamma: float = option(
        0.5,
        "The lead the better answer is to have, in the reward's own units; the paper takes 0.25 to 0.5 times beta.",
        low=0.0,
        high=100.0,
        label="Wanted lead",
        basic=True,
    )
    nll_weight: float = option(
        0.0,
        "Weight of also learning the better answers by themselves, as SFT does.",
        low=0.0,
        high=100.0,
        label="Weight of SFT",
        when="Raise it if answers become odd: nothing else holds the model back.",
    )


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """The mean over the pairs of −log σ(β·(ā_chosen − ā_rejected) − γ), ā an answer's mean log-probability per token.

    logps [2R, T-1], chosen first. γ is the absolute margin (TRL's CPOTrainer with loss_type="simpo": simpo_gamma).
    `nll_weight` adds the chosen answers' mean negative log-likelihood per token (TRL: cpo_alpha).

    Batches count by their pairs under accumulation; TRL takes the mean of their means, which is the same but for a
    last batch that is smaller.
    """
    import mlx.core as mx
    from mlx.nn import log_sigmoid

    chosen, rejected = mx.split(o.beta * logps.sum(-1) / lengths(batch), 2)
    total = -log_sigmoid(chosen - rejected - o.gamma).mean()
    if o.nll_weight:
        total = total - o.nll_weight * likelihood(logps, batch)
    return total, metrics(chosen, rejected)


SPEC = Method(
    title="SimPO",
    goal="I have better and worse answers, and little memory",
    summary="Learns from pairs like DPO, but compares answers by their average word and needs no second opinion.",
    needs="Questions with a better and a worse answer each, from about 100; 1,000 or more is better.",
    cost="About twice SFT: two answers a row, and nothing beside them.",
    paper="arXiv:2405.14734",
    data=PAIRS,
    options=Options,
    loss=loss,
    learning_rate=2e-5,
    learning_rate_full=8e-7,
    weight="rows",
    decomposable=True,
)
