"""KTO: Kahneman-Tversky optimization. Learns from single answers labelled good or bad, weighed as people weigh gain
and loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.data.kinds import UNPAIRED
from core.methods import MISMATCHED_MEAN, PREFERENCES, ChartSpec, Criterion, Method, Metric
from core.methods._preference import (
    accuracy_chart,
    beta_option,
    describe_progress,
    reference_option,
    reward_chart,
    wins,
)
from core.options import option


@dataclass(frozen=True)
class Options:
    """Options of KTO."""

    beta: float = beta_option()
    desirable_weight: float = option(
        1.0,
        "Weight of the loss on good (desirable) answers.",
        low=0.0,
        high=100.0,
        label="Weight of good answers",
        when="Raise it where good answers are few: their number × weight should be about that of the bad ones.",
    )
    undesirable_weight: float = option(
        1.0,
        "Weight of the loss on bad (undesirable) answers.",
        low=0.0,
        high=100.0,
        label="Weight of bad answers",
        when="Raise it where bad answers are few.",
    )
    reference: str | None = reference_option()


def arrange(groups: Sequence[Any], batch_size: int, max_len: int, seed: int | None) -> list[Any]:
    """Each row's text, followed by a mismatched one: the same prompt with the answer of another row.

    The other row is the previous one, in a cycle of `batch_size` rows: in the file's order, as TRL does, or with a
    seed in a shuffled one, because files often hold several answers to one prompt next to each other. A single row
    that remains joins the last cycle.
    """
    import numpy as np

    count = len(groups)
    order = list(range(count)) if seed is None else [int(i) for i in np.random.default_rng(seed).permutation(count)]
    size = max(2, batch_size)
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    arranged = list(groups)
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        cycle = order[start:end]
        for i, previous in zip(cycle, [cycle[-1], *cycle[:-1]], strict=True):
            text = groups[i].texts[0]
            arranged[i] = replace(groups[i], texts=(text, _mismatch(text, groups[previous].texts[0], max_len)))
    return arranged


def _mismatch(prompt_text: Any, answer_text: Any, max_len: int) -> Any:
    """One text's prompt with another's answer, of which only the part is taken that is learned in its own text.

    The KL estimate then is over the same answers as the rewards. TRL takes the whole answer and truncates it after
    the other prompt, which differs where texts are truncated.
    """
    import numpy as np

    prompt_end, answer_start = int(prompt_text.mask.argmax()), int(answer_text.mask.argmax())
    tokens = np.concatenate([prompt_text.tokens[:prompt_end], answer_text.tokens[answer_start:]])[:max_len]
    mask = np.concatenate([np.zeros(prompt_end, np.int8), answer_text.mask[answer_start:]])[:max_len]
    return replace(prompt_text, tokens=tokens, mask=mask)


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """Mean over the rows of w·(1 − σ(±β·(r − z0))), + for good and − for bad answers (TRL's KTOTrainer).

    r = Σ(π − ρ) over the answer's tokens. z0 = max(0, the batch's mean of the same over mismatched answers) estimates
    the KL from the reference and carries no gradient. logps, ref [2R, T-1]: the answers, then the mismatched ones;
    batch.extra["label"] [R] is 1 for good; of a part of a batch batch.extra["mismatched_mean"] [R] is the whole's mean.

    The accuracy is the share of answers on the right side of z0. Under gradient accumulation batches count by their
    rows; TRL takes the mean of their means, which is the same except for a last batch that is smaller.
    """
    import mlx.core as mx

    ratios, mismatched = mx.split((logps - ref).sum(-1), 2)
    is_part = MISMATCHED_MEAN in batch.extra
    z0 = mx.maximum(0, batch.extra[MISMATCHED_MEAN][0] if is_part else mx.stop_gradient(mismatched).mean())
    good = batch.extra["label"]
    side = 2 * good - 1
    weight = good * o.desirable_weight + (1 - good) * o.undesirable_weight
    total = (weight * (1 - mx.sigmoid(side * o.beta * (ratios - z0)))).mean()
    rewards = o.beta * ratios
    return total, {
        "chosen_reward": ((rewards * good).sum(), good.sum()),
        "rejected_reward": ((rewards * (1 - good)).sum(), (1 - good).sum()),
        "accuracy": wins(side * ratios, side * z0).mean(),
        "kl": z0,
    }


SPEC = Method(
    title="KTO",
    goal="I have answers marked good or bad",
    summary="Learns from thumbs up and down: more like the good answers, less like the bad ones. No pairs needed.",
    needs="Questions with one answer each and a mark, from about 200, of both kinds.",
    cost="About one and a half times SFT. The model it is compared with is asked once, before training.",
    paper="arXiv:2402.01306",
    group=PREFERENCES,
    group_rank=2,
    data=UNPAIRED,
    options=Options,
    loss=loss,
    learning_rate=5e-5,
    learning_rate_full=5e-7,
    weight="rows",
    reference=True,
    arrange=arrange,
    precomputed=True,
    charts=(
        reward_chart(
            "marks",
            "How much more likely answers have become than they were at the start. "
            "The two should part: good answers above, bad ones below. The margin is the distance between them.",
            "good answers",
            "bad answers",
            level=0.0,
        ),
        accuracy_chart("told", "How often good answers gain and bad ones lose, as they should.", "told right"),
        ChartSpec(
            "moved",
            "Drift",
            "KL: how far the model has moved from where it began. Some is learning; a steep climb is a warning.",
            (Metric("kl", "KL", title="Distance"),),
        ),
    ),
    criteria=(
        Criterion(
            "accuracy",
            "tells good answers from bad in {change} of {rows} unseen examples",
            "told right",
            shows_memorising=True,
        ),
    ),
    describe_progress=describe_progress,
    shortcuts={
        "kto_beta": {"beta": "beta"},
        "kto_weights": {"desirable": "desirable_weight", "undesirable": "undesirable_weight"},
    },
)
