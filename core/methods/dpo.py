"""DPO: direct preference optimization. The better answer becomes likelier than the worse one, measured against a
reference so that the model keeps what it knows."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import PAIRS
from core.errors import BadOption
from core.methods import Method
from core.methods._pairs import lengths, likelihood, metrics, preferred, pull_option, reference_option
from core.options import option


@dataclass(frozen=True)
class Options:
    """What can be set for DPO."""

    beta: float = pull_option()
    loss_type: str = option(
        "sigmoid",
        "The rule: sigmoid is DPO itself, ipo aims at a fixed lead, hinge stops at a lead of 1 / beta, robust "
        "corrects for pairs that are the wrong way round.",
        choices=("sigmoid", "ipo", "hinge", "robust"),
        label="Rule",
        when="Choose ipo if the model overdoes it on little data, robust if many pairs may be wrong.",
    )
    label_smoothing: float = option(
        0.0,
        "Share of pairs that are taken to be the wrong way round. Works with sigmoid and robust.",
        low=0.0,
        high=0.49,
        label="Wrong pairs",
    )
    sft_weight: float = option(
        0.0,
        "Weight of also learning the better answers by themselves, as SFT does.",
        low=0.0,
        high=100.0,
        label="Weight of SFT",
        when="Raise it if the better answers become less likely as well.",
    )
    reference: str | None = reference_option()


def check(o: Options) -> None:
    """Raises BadOption where an option would do nothing."""
    if o.label_smoothing and o.loss_type not in ("sigmoid", "robust"):
        raise BadOption(f"label_smoothing does nothing with {o.loss_type}; use sigmoid or robust.")


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """The mean over the pairs of −log σ(β·Δ), Δ = (π − ρ)(chosen) − (π − ρ)(rejected) (TRL's DPOTrainer).

    π and ρ are log-probabilities of whole answers, sums over their tokens. logps, ref [2R, T-1], chosen first.

    ipo     (Δ̄ − 1 / 2β)², with answers' means per token in the place of sums: as the authors of IPO told TRL they
            did, since sums make the target depend on length.
    hinge   max(0, 1 − β·Δ)
    robust  sigmoid, made unbiased for pairs swapped with the chance `label_smoothing` (arXiv:2403.00409)

    With sigmoid, `label_smoothing` ε gives −(1−ε)·log σ(βΔ) − ε·log σ(−βΔ), conservative DPO; TRL 1.16 has the
    option and ignores it there. `sft_weight` adds the chosen answers' mean negative log-likelihood per token.

    Batches count by their pairs under accumulation; TRL takes the mean of their means, which is the same but for a
    last batch that is smaller.
    """
    import mlx.core as mx
    from mlx.nn import log_sigmoid

    scores = (logps - ref).sum(-1)
    chosen, rejected = mx.split(scores, 2)
    delta = o.beta * (chosen - rejected)
    wrong = o.label_smoothing
    if o.loss_type == "ipo":
        better, worse = mx.split(scores / lengths(batch), 2)
        value = (better - worse - 1 / (2 * o.beta)) ** 2
    elif o.loss_type == "hinge":
        value = mx.maximum(0, 1 - delta)
    elif o.loss_type == "robust":
        value = (wrong * log_sigmoid(-delta) - (1 - wrong) * log_sigmoid(delta)) / (1 - 2 * wrong)
    else:
        value = -(1 - wrong) * log_sigmoid(delta) - wrong * log_sigmoid(-delta)
    total = value.mean()
    if o.sft_weight:
        total = total - o.sft_weight * likelihood(logps, batch)
    return total, {**metrics(o.beta * chosen, o.beta * rejected), "preferred": preferred(logps, batch).mean()}


SPEC = Method(
    title="DPO",
    goal="I have better and worse answers",
    summary="Show the model two answers to a question and which is better; it learns to prefer that kind.",
    needs="Questions with a better and a worse answer each, from about 100; 1,000 or more is better.",
    cost="About twice SFT: two answers a row. The model it is compared with is asked once, before training.",
    paper="arXiv:2305.18290",
    data=PAIRS,
    options=Options,
    loss=loss,
    check=check,
    learning_rate=5e-5,
    learning_rate_full=5e-7,
    weight="rows",
    decomposable=True,
    reference=True,
)
