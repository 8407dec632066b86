"""What the methods that learn from preferences share: arithmetic on pairs, options, charts and words."""

from collections.abc import Mapping
from typing import Any

from core.methods import NUMBER, SHARE, ChartSpec, Criterion, Metric, Trend
from core.options import option
from core.text.sentence import say

ROUNDING = 1e-4  # rewards that differ by less are equal


def answer_lengths(batch: Any) -> Any:
    """Learned tokens of each text, [N]."""
    return batch.mask.sum(-1)


def mean_chosen_logp(logps: Any, batch: Any) -> Any:
    """Mean log-probability per learned token of the chosen answers, the first half of the texts.

    For a part of a batch the mean is over the whole batch: it divides by the number of learned tokens that this many
    rows have there on average.
    """
    rows = logps.shape[0] // 2
    count = batch.extra["learned_a_row"].sum() if "learned_a_row" in batch.extra else batch.mask[:rows].sum()
    return logps[:rows].sum() / count


def wins(scores: Any, rivals: Any) -> Any:
    """1 where a score is greater than its rival, 0 where it is less, one half where they are equal; [R]."""
    import mlx.core as mx

    lead = scores - rivals
    return (mx.sign(mx.where(mx.abs(lead) < ROUNDING, 0, lead)) + 1) / 2


def chosen_is_likelier(logps: Any, batch: Any) -> Any:
    """1 where the chosen answer has the higher mean log-probability per token; [R] of log-probabilities [2R, T-1].

    By sums the shorter answer would nearly always be the likelier: the sums of real pairs lie hundreds of nats apart,
    which no preference moves.
    """
    import mlx.core as mx

    return wins(*mx.split(logps.sum(-1) / answer_lengths(batch), 2))


def reward_metrics(chosen: Any, rejected: Any) -> dict[str, Any]:
    """Means over the pairs of both rewards [R] and of their margin, and how often the chosen one is higher.

    Equal rewards count one half (TRL: not at all), so that a run that starts at its reference starts at 0.5, the
    toss of a coin, and not at zero.
    """
    return {
        "chosen_reward": chosen.mean(),
        "rejected_reward": rejected.mean(),
        "margin": (chosen - rejected).mean(),
        "accuracy": wins(chosen, rejected).mean(),
    }


def beta_option() -> Any:
    """`beta` of a method with a reference."""
    return option(
        0.1,
        "Strength of the KL penalty towards the reference. A small value lets the model move far away from it.",
        low=0.001,
        high=10.0,
        label="Beta (KL penalty)",
        basic=True,
        when="Raise it if answers become odd; lower it if nothing changes.",
    )


def reference_option() -> Any:
    """`reference` of a method that compares the model with a reference."""
    return option(
        None,
        "The reference model: 'base' (the model without its adapter), 'initial' (with the adapter that training starts "
        "from), or another model's folder or Hugging Face id.",
        label="Reference",
        unset="the adapter it starts from, else the base",
    )


def reward_chart(key: str, sentence: str, chosen: str, rejected: str, level: float | None = None) -> ChartSpec:
    """The chart of both rewards and their margin; `chosen` and `rejected` name their curves."""
    return ChartSpec(
        key,
        "Rewards",
        sentence,
        (
            Metric("chosen_reward", chosen, NUMBER, "Reward of better answers"),
            Metric("rejected_reward", rejected, NUMBER, "Reward of worse answers"),
            Metric("margin", "margin", NUMBER, "Lead of better answers"),
        ),
        level=level,
    )


def accuracy_chart(key: str, sentence: str, legend: str, *more: Metric) -> ChartSpec:
    """The chart of the accuracy, called `legend` there, and of other shares where half is chance."""
    accuracy = Metric("accuracy", legend, SHARE, "Better told from worse")
    sentence += " Half is chance; held-out rows are the ones to trust."  # a description, translated whole
    return ChartSpec(key, "Accuracy", sentence, (accuracy, *more), level=0.5)


# Of a method whose reward is the answer's mean log-probability, without a reference.
LIKELIHOOD_CHARTS = (
    reward_chart(
        "likelihood",
        "How likely each answer is, counted by the word, as the method's reward sees it. "
        "The two should part: the better answer above the worse one. The margin is the distance between them.",
        "better answer",
        "worse answer",
    ),
    accuracy_chart(
        "likelier",
        "How often the better answer is the likelier of the two, counted by the word.",
        "better is likelier",
    ),
)

PREFERS_CHOSEN = "prefers the better answer in {change} of {rows} unseen pairs"
ACCURACY_CRITERION = Criterion("accuracy", PREFERS_CHOSEN, "told right", shows_memorising=True)


def describe_progress(trends: Mapping[str, Trend]) -> str:
    """How often better answers are told from worse ones, and by how clear a margin."""
    if "accuracy" not in trends:
        return ""
    accuracy = trends["accuracy"].latest
    if "margin" not in trends:
        return say(
            "It moves {accuracy:.0%} of the answers the right way: good ones become likelier, bad ones less so.",
            accuracy=accuracy,
        )
    margin = trends["margin"]
    if accuracy > 0.98 and margin.latest > 5:
        return say(
            "It tells better from worse answers {accuracy:.0%} of the time, with a very large lead: it has learned "
            "what there is to learn, and may begin to overdo it.",
            accuracy=accuracy,
        )
    if margin.latest > margin.early + 0.05:
        return say(
            "It tells better from worse answers {accuracy:.0%} of the time, and the lead of the better ones grows: "
            "{early:.2f} → {latest:.2f}.",
            accuracy=accuracy,
            early=margin.early,
            latest=margin.latest,
        )
    return say(
        "It tells better from worse answers {accuracy:.0%} of the time; the lead of the better ones stays at "
        "{latest:.2f}. Give it some time.",
        accuracy=accuracy,
        latest=margin.latest,
    )
