"""ORPO: odds ratio preference optimization. Learns the better answers and avoids the worse ones, both at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.data.kinds import PAIRS
from core.methods import Method
from core.methods._pairs import likelihood, metrics
from core.options import option


@dataclass(frozen=True)
class Options:
    """What can be set for ORPO."""

    beta: float = option(
        0.1,
        "Weight of preferring the better answer, beside learning it. The paper calls it lambda.",
        low=0.0,
        high=100.0,
        label="Weight of the preference",
        basic=True,
        when="Raise it if the worse answers stay as likely.",
    )


def arrange(groups: Sequence[Any], batch_size: int, max_len: int, seed: int | None) -> list[Any]:
    """Pairs whose better text is learned whole, the question too; `answer` says where its answer starts."""
    import numpy as np

    made = []
    for group in groups:
        chosen, rejected = group.texts
        whole = np.ones_like(chosen.mask)
        whole[0] = 0  # nothing predicts the first token
        values = {**group.values, "answer": float(chosen.mask.argmax())}
        made.append(replace(group, texts=(replace(chosen, mask=whole), rejected), values=values))
    return made


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """NLL(chosen) − β·mean log σ(log odds(chosen) − log odds(rejected)) (TRL's ORPOTrainer).

    logps [2R, T-1], chosen first. The NLL is the mean per token over question and answer of all chosen texts. The
    odds are p / (1 − p) with p = exp(an answer's mean log-probability per token).

    Batches count by their pairs under accumulation; TRL takes the mean of their means.
    """
    import mlx.core as mx
    from mlx.nn import log_sigmoid

    (whole, worse), (mask, worse_mask) = mx.split(logps, 2), mx.split(batch.mask, 2)
    # Target t of the mask is token t + 1.
    answer = mask * (mx.arange(1, mask.shape[1] + 1) >= batch.extra["answer"][:, None])
    chosen = (whole * answer).sum(-1) / answer.sum(-1)
    rejected = worse.sum(-1) / worse_mask.sum(-1)
    preference = log_sigmoid(_log_odds(chosen) - _log_odds(rejected)).mean()
    nll = -likelihood(logps, batch)
    return nll - o.beta * preference, {**metrics(o.beta * chosen, o.beta * rejected), "nll": nll}


def _log_odds(logp: Any) -> Any:
    """log p / (1 − p) from log p. Near p = 1 expm1 keeps the digits that 1 − exp loses, and elsewhere log1p does."""
    import mlx.core as mx

    logp = mx.minimum(logp, -1e-7)  # an answer that is certain would have infinite odds
    near, far = mx.maximum(logp, -0.6931472), mx.minimum(logp, -0.6931472)
    rest = mx.where(logp > -0.6931472, mx.log(-mx.expm1(near)), mx.log1p(-mx.exp(far)))
    return logp - rest


SPEC = Method(
    title="ORPO",
    goal="I have better and worse answers, and an untrained model",
    summary="Teaches the better answers and steers away from the worse ones in one go, without fine-tuning first.",
    needs="Questions with a better and a worse answer each, from about 500.",
    cost="About twice SFT: two answers a row, and nothing beside them.",
    paper="arXiv:2403.07691",
    data=PAIRS,
    options=Options,
    loss=loss,
    learning_rate=1e-4,
    learning_rate_full=8e-6,
    weight="rows",
    decomposable=True,
    arrange=arrange,
)
