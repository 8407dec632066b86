"""Charts, verdict and words of the methods whose model writes its own answers (GRPO, DAPO, on-policy distillation)."""

from collections.abc import Mapping

from core.methods import COUNT, SECONDS, SHARE, ChartSpec, Criterion, Metric, Trend
from core.text.sentence import say

LENGTH_CHART = ChartSpec(
    "length",
    "Length",
    "How long the answers are. A sudden growth or fall often means that the reward is being tricked.",
    (Metric("answer_length", "mean answer, in tokens", COUNT),),
)
TIME_CHART = ChartSpec(
    "time",
    "Time",
    "What each step spends on writing answers, and on learning from them.",
    (
        Metric("sampling_seconds", "writing, in seconds", SECONDS),
        Metric("learning_seconds", "learning, in seconds", SECONDS),
    ),
)

# Of a method that scores its answers by rewards.
REWARD_CHARTS = (
    ChartSpec(
        "reward",
        "Reward",
        "The mean score of the answers, with how far they spread, and each reward alone. "
        "It should rise; a band that closes means the answers of a group have become alike.",
        (Metric("reward", "all rewards, weighted"), Metric("reward_std", "spread")),
        band="reward_std",
        prefix="reward_",
    ),
    ChartSpec(
        "solved",
        "Solved",
        "The share of held-out questions whose answer is right, written without chance.",
        (Metric("solved", "solved", SHARE, "Problems solved"),),
    ),
    ChartSpec(
        "groups",
        "Groups",
        "Flat groups, where every answer scores the same, teach nothing. "
        "Clipped: the share of words held back because they changed too fast. Cut off: the share of answers too long.",
        (
            Metric("flat_groups", "flat groups", SHARE),
            Metric("clipped", "clipped", SHARE),
            Metric("cut_off", "cut off", SHARE),
        ),
    ),
    ChartSpec(
        "thrown",
        "Thrown away",
        "Groups whose answers all scored the same, replaced by other questions. Many of them make a step slow: "
        "the questions have become too easy, or are too hard.",
        (Metric("thrown_groups", "groups in a step", COUNT),),
    ),
    ChartSpec(
        "drift",
        "Drift",
        "KL: how far the model has moved from where it began. Some is learning; a steep climb is a warning. "
        "Entropy: how varied its words are. Near zero it only repeats itself.",
        (Metric("kl", "KL", title="Distance"), Metric("entropy", "entropy")),
    ),
    LENGTH_CHART,
    TIME_CHART,
)
SOLVED = Criterion("solved", "solves {change} of {rows} unseen problems", "solved")


def describe_progress(trends: Mapping[str, Trend]) -> str:
    """Whether the rewards rise, or what keeps them from rising."""
    if "reward" not in trends:
        return ""
    if "flat_groups" in trends and trends["flat_groups"].latest > 0.95:
        return say(
            "Nothing to learn from: in nearly every group all answers score the same. Try other questions or rewards."
        )
    if "cut_off" in trends and trends["cut_off"].latest > 0.5:
        return say("More than half of the answers are cut off: raise the longest answer, or reward shorter ones.")
    early, latest = trends["reward"]
    if latest > early + 0.02:
        return say("The answers score better: {early:.2f} → {latest:.2f} on average.", early=early, latest=latest)
    if latest < early - 0.05:
        return say(
            "The answers score worse than at first: {early:.2f} → {latest:.2f}. The learning rate may be too high.",
            early=early,
            latest=latest,
        )
    return say("The answers score {latest:.2f} on average, as at first. Give it some time.", latest=latest)
