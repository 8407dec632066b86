"""ORPO: odds ratio preference optimization. Learns the chosen answers and avoids the rejected ones, both at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.data.kinds import PAIRS
from core.methods import PREFERENCES, ChartSpec, Method, Metric
from core.methods._preference import (
    ACCURACY_CRITERION,
    LIKELIHOOD_CHARTS,
    describe_progress,
    mean_chosen_logp,
    reward_metrics,
)
from core.options import option


@dataclass(frozen=True)
class Options:
    """Options of ORPO."""

    beta: float = option(
        0.1,
        "Weight of the preference (odds-ratio) loss, which is added to the SFT loss. The paper calls it lambda.",
        low=0.0,
        high=100.0,
        label="Beta",
        basic=True,
        when="Raise it if the worse answers stay as likely.",
    )


def arrange(groups: Sequence[Any], batch_size: int, max_len: int, seed: int | None) -> list[Any]:
    """Pairs whose chosen text is learned whole, prompt included; `answer` is the index of its answer's first token."""
    import numpy as np

    pairs = []
    for group in groups:
        chosen, rejected = group.texts
        mask = np.ones_like(chosen.mask)
        mask[0] = 0  # nothing predicts the first token
        values = {**group.values, "answer": float(chosen.mask.argmax())}
        pairs.append(replace(group, texts=(replace(chosen, mask=mask), rejected), values=values))
    return pairs


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """NLL(chosen) − β·mean log σ(log odds(chosen) − log odds(rejected)) (TRL's ORPOTrainer).

    logps [2R, T-1], chosen first. The NLL is the mean per token over prompts and answers of all chosen texts. The
    odds are p / (1 − p) with p = exp(an answer's mean log-probability per token).

    Under gradient accumulation batches count by their pairs; TRL takes the mean of their means. Conversations end as
    their template ends them; ORPOTrainer puts another EOS behind answers that do not end with one (ChatML's newline).
    """
    import mlx.core as mx
    from mlx.nn import log_sigmoid

    (chosen_logps, rejected_logps), (mask, rejected_mask) = mx.split(logps, 2), mx.split(batch.mask, 2)
    # Target t of the mask is token t + 1.
    answer = mask * (mx.arange(1, mask.shape[1] + 1) >= batch.extra["answer"][:, None])
    chosen = (chosen_logps * answer).sum(-1) / answer.sum(-1)
    rejected = rejected_logps.sum(-1) / rejected_mask.sum(-1)
    preference = log_sigmoid(_log_odds(chosen) - _log_odds(rejected)).mean()
    nll = -mean_chosen_logp(logps, batch)
    return nll - o.beta * preference, {**reward_metrics(o.beta * chosen, o.beta * rejected), "nll": nll}


def _log_odds(logp: Any) -> Any:
    """log p / (1 − p) from log p. Near p = 1 expm1 keeps the digits that 1 − exp loses, and elsewhere log1p does."""
    import mlx.core as mx

    logp = mx.minimum(logp, -1e-7)  # an answer that is certain would have infinite odds
    is_large = logp > -0.6931472  # p > 1/2
    large, small = mx.maximum(logp, -0.6931472), mx.minimum(logp, -0.6931472)
    complement = mx.where(is_large, mx.log(-mx.expm1(large)), mx.log1p(-mx.exp(small)))  # log(1 − p)
    return logp - complement


SPEC = Method(
    title="ORPO",
    goal="I have better and worse answers, and an untrained model",
    summary="Teaches the better answers and steers away from the worse ones in one go, without fine-tuning first.",
    needs="Questions with a better and a worse answer each, from about 500.",
    cost="About twice SFT: two answers a row, and nothing beside them.",
    paper="arXiv:2403.07691",
    group=PREFERENCES,
    data=PAIRS,
    options=Options,
    loss=loss,
    learning_rate=1e-4,
    learning_rate_full=8e-6,
    weight="rows",
    decomposable=True,
    arrange=arrange,
    charts=(
        *LIKELIHOOD_CHARTS,
        ChartSpec(
            "answers",
            "Better answers",
            "How surprised the model still is by the better answers themselves. It should fall.",
            (Metric("nll", "loss on the better answers", title="Loss on the better answers"),),
        ),
    ),
    criteria=(ACCURACY_CRITERION,),
    describe_progress=describe_progress,
    shortcuts={"orpo_beta": {"beta": "beta"}},
)
