"""KTO: Kahneman-Tversky optimization. Learns from single answers marked good or bad, as people weigh gain and loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.data.kinds import UNPAIRED
from core.methods import Method
from core.methods._pairs import pull_option, reference_option, shares
from core.options import option


@dataclass(frozen=True)
class Options:
    """What can be set for KTO."""

    beta: float = pull_option()
    desirable_weight: float = option(
        1.0,
        "How much a good answer counts.",
        low=0.0,
        high=100.0,
        label="Weight of good answers",
        when="Raise it where good answers are few: good x weight and bad x weight should be about the same.",
    )
    undesirable_weight: float = option(
        1.0,
        "How much a bad answer counts.",
        low=0.0,
        high=100.0,
        label="Weight of bad answers",
        when="Raise it where bad answers are few.",
    )
    reference: str | None = reference_option()


def arrange(groups: Sequence[Any], batch_size: int, max_len: int, seed: int | None) -> list[Any]:
    """Each answer, and beside it a mismatched one: the same question with the answer of another row.

    The other row is the one before, in a circle of `batch_size` rows: in the file's order, as TRL does, or with a
    seed in a mixed one, because files often hold several answers to one question next to each other. A row left over
    joins the circle before it.
    """
    import numpy as np

    count = len(groups)
    order = list(range(count)) if seed is None else [int(i) for i in np.random.default_rng(seed).permutation(count)]
    size = max(2, batch_size)
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    made = list(groups)
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        circle = order[start:end]
        for i, other in zip(circle, [circle[-1], *circle[:-1]], strict=True):
            own = groups[i].texts[0]
            made[i] = replace(groups[i], texts=(own, _mismatched(own, groups[other].texts[0], max_len)))
    return made


def _mismatched(asked: Any, answered: Any, max_len: int) -> Any:
    """One text's question with another's answer, as much of it as is learned in its own text.

    So both sides of the estimate speak of the same answers. TRL takes the whole answer and cuts what is too long
    behind the other question, which differs where texts are cut.
    """
    import numpy as np

    here, there = int(asked.mask.argmax()), int(answered.mask.argmax())
    tokens = np.concatenate([asked.tokens[:here], answered.tokens[there:]])[:max_len]
    mask = np.concatenate([np.zeros(here, np.int8), answered.mask[there:]])[:max_len]
    return replace(asked, tokens=tokens, mask=mask)


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """The mean over the rows of w·(1 − σ(±β·(r − z0))), + for good and − for bad answers (TRL's KTOTrainer).

    r = Σ(π − ρ) over the answer's tokens. z0 = max(0, the batch's mean of the same over mismatched answers) is an
    estimate of the distance from the reference and carries no gradient. logps, ref [2R, T-1]: the answers, then the
    mismatched ones; batch.extra["label"] [R] is 1 for good.

    The accuracy is the share of answers on their side of z0.
    """
    import mlx.core as mx

    ratios, mismatched = mx.split((logps - ref).sum(-1), 2)
    z0 = mx.maximum(0, mx.stop_gradient(mismatched).mean())
    good = batch.extra["label"]
    side = 2 * good - 1
    weight = good * o.desirable_weight + (1 - good) * o.undesirable_weight
    total = (weight * (1 - mx.sigmoid(side * o.beta * (ratios - z0)))).mean()
    rewards = o.beta * ratios
    return total, {
        "chosen_reward": ((rewards * good).sum(), good.sum()),
        "rejected_reward": ((rewards * (1 - good)).sum(), (1 - good).sum()),
        "accuracy": shares(side * ratios, side * z0).mean(),
        "kl": z0,
    }


SPEC = Method(
    title="KTO",
    goal="I have answers marked good or bad",
    summary="Learns from thumbs up and down: more like the good answers, less like the bad ones. No pairs needed.",
    needs="Questions with one answer each and a mark, from about 200, of both kinds.",
    cost="About one and a half times SFT. The model it is compared with is asked once, before training.",
    paper="arXiv:2402.01306",
    data=UNPAIRED,
    options=Options,
    loss=loss,
    learning_rate=5e-5,
    learning_rate_full=5e-7,
    weight="rows",
    reference=True,
    arrange=arrange,
    precomputed=True,
)
