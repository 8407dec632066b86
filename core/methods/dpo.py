"""DPO: direct preference optimization. The chosen answer becomes likelier than the rejected one, measured against a
reference model so that the model keeps what it knows."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import PAIRS
from core.errors import BadOption
from core.methods import PREFERENCES, SHARE, Criterion, Method, Metric
from core.methods._preference import (
    PREFERS_CHOSEN,
    accuracy_chart,
    answer_lengths,
    beta_option,
    chosen_is_likelier,
    describe_progress,
    mean_chosen_logp,
    reference_option,
    reward_chart,
    reward_metrics,
)
from core.options import option
from core.text.sentence import say


@dataclass(frozen=True)
class Options:
    """Options of DPO."""

    beta: float = beta_option()
    loss_type: str = option(
        "sigmoid",
        "Loss on each pair: sigmoid is DPO itself, ipo aims at a fixed margin, hinge stops at a margin of 1 / beta, "
        "robust corrects for mislabelled pairs.",
        choices=("sigmoid", "ipo", "hinge", "robust"),
        label="Loss type",
        when="Choose ipo if the model overfits on little data, robust if many pairs may be mislabelled.",
    )
    label_smoothing: float = option(
        0.0,
        "Assumed share of pairs whose better and worse answers are swapped. For sigmoid and robust.",
        low=0.0,
        high=0.49,
        label="Label smoothing",
    )
    sft_weight: float = option(
        0.0,
        "Weight of an added SFT loss on the better answers.",
        low=0.0,
        high=100.0,
        label="SFT weight",
        when="Raise it if the better answers become less likely as well.",
    )
    reference: str | None = reference_option()


def check(o: Options) -> None:
    """Raises BadOption where an option would do nothing."""
    if o.label_smoothing and o.loss_type not in ("sigmoid", "robust"):
        raise BadOption(
            say("label_smoothing does nothing with {loss_type}; use sigmoid or robust.", loss_type=o.loss_type)
        )


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """Mean over the pairs of −log σ(β·Δ), Δ = (π − ρ)(chosen) − (π − ρ)(rejected) (TRL's DPOTrainer).

    π and ρ are the answers' log-probabilities, sums over their tokens, under the model and the reference. logps, ref
    [2R, T-1], chosen first.

    ipo     (Δ̄ − 1 / 2β)², with means per token instead of sums: as the authors of IPO told TRL they did, since sums
            make the target depend on length.
    hinge   max(0, 1 − β·Δ)
    robust  sigmoid, made unbiased for pairs that are swapped with probability `label_smoothing` (arXiv:2403.00409)

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
    swapped = o.label_smoothing  # assumed share of swapped pairs
    if o.loss_type == "ipo":
        chosen_mean, rejected_mean = mx.split(scores / answer_lengths(batch), 2)
        value = (chosen_mean - rejected_mean - 1 / (2 * o.beta)) ** 2
    elif o.loss_type == "hinge":
        value = mx.maximum(0, 1 - delta)
    elif o.loss_type == "robust":
        value = (swapped * log_sigmoid(-delta) - (1 - swapped) * log_sigmoid(delta)) / (1 - 2 * swapped)
    else:
        value = -(1 - swapped) * log_sigmoid(delta) - swapped * log_sigmoid(-delta)
    total = value.mean()
    if o.sft_weight:
        total = total - o.sft_weight * mean_chosen_logp(logps, batch)
    preferred = chosen_is_likelier(logps, batch).mean()
    return total, {**reward_metrics(o.beta * chosen, o.beta * rejected), "preferred": preferred}


SPEC = Method(
    title="DPO",
    goal="I have better and worse answers",
    summary="Show the model two answers to a question and which is better; it learns to prefer that kind.",
    needs="Questions with a better and a worse answer each, from about 100; 1,000 or more is better.",
    cost="About twice SFT: two answers a row. The model it is compared with is asked once, before training.",
    paper="arXiv:2305.18290",
    group=PREFERENCES,
    group_rank=1,
    data=PAIRS,
    options=Options,
    loss=loss,
    check=check,
    learning_rate=5e-5,
    learning_rate_full=5e-7,
    weight="rows",
    decomposable=True,
    reference=True,
    charts=(
        reward_chart(
            "preference",
            "How much more likely each answer has become than it was at the start. "
            "The two should part: the better answer above the worse one. The margin is the distance between them.",
            "better answer",
            "worse answer",
            level=0.0,
        ),
        accuracy_chart(
            "accuracy",
            "How often the better answer gains on the worse one, and how often it is the likelier of the two, counted "
            "by the word.",
            "gains",
            Metric("preferred", "is likelier", SHARE, "Better answer preferred"),
        ),
    ),
    criteria=(
        Criterion("preferred", PREFERS_CHOSEN, "preferred"),
        Criterion(
            "accuracy",
            "moves towards the better answer in {change} of {rows} unseen pairs",
            "told right",
            shows_memorising=True,
        ),
    ),
    describe_progress=describe_progress,
    shortcuts={"dpo_beta": {"beta": "beta"}, "loss_type": {"rule": "loss_type"}},
)
