"""What a method's numbers mean: one table with each number's name, how it is written, and the chart it is drawn in.

A method's loss names its metrics (core.events.Step.metrics); a name that is not in the table gets a chart of its own.
No Qt.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

REWARD = "reward_"  # what the name of a single reward function's curve begins with


def _share(value: float) -> str:
    return f"{value:.0%}"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


@dataclass(frozen=True)
class Metric:
    """One number: what a person calls it, and how a value is written."""

    name: str
    title: str
    words: Callable[[float], str] = _number


@dataclass(frozen=True)
class Figure:
    """One chart: its title, what its curves say in a sentence or two, and the metrics in it."""

    key: str
    title: str
    sentence: str
    metrics: tuple[Metric, ...]
    level: float | None = None  # a value to compare with, drawn as a line
    share: bool = False  # values from 0 to 1, drawn in per cent
    band: str = ""  # the metric that is the first one's deviation, drawn as a band around it
    only: tuple[str, ...] = ()  # methods this meaning holds for; () for all

    @property
    def lines(self) -> list[str]:
        """The metrics that have a line of their own, in the order of their colours."""
        return [m.name for m in self.metrics if m.name != self.band]


_HALF = "Half is chance; held-out rows are the ones to trust."

FIGURES: tuple[Figure, ...] = (
    Figure(
        "marks",
        "Rewards",
        "How much more likely answers have become than they were at the start. "
        "The two should part: good answers above, bad ones below. The margin is the distance between them.",
        (
            Metric("chosen_reward", "good answers"),
            Metric("rejected_reward", "bad answers"),
            Metric("margin", "margin"),
        ),
        level=0.0,
        only=("kto",),
    ),
    Figure(
        "told",
        "Accuracy",
        f"How often good answers gain and bad ones lose, as they should. {_HALF}",
        (Metric("accuracy", "told right", _share),),
        level=0.5,
        share=True,
        only=("kto",),
    ),
    Figure(
        "likelihood",
        "Rewards",
        "How likely each answer is, counted by the word, as the method's reward sees it. "
        "The two should part: the better answer above the worse one. The margin is the distance between them.",
        (
            Metric("chosen_reward", "better answer"),
            Metric("rejected_reward", "worse answer"),
            Metric("margin", "margin"),
        ),
        only=("simpo", "orpo"),
    ),
    Figure(
        "likelier",
        "Accuracy",
        f"How often the better answer is the likelier of the two, counted by the word. {_HALF}",
        (Metric("accuracy", "better is likelier", _share),),
        level=0.5,
        share=True,
        only=("simpo", "orpo"),
    ),
    Figure(
        "answers",
        "Better answers",
        "How surprised the model still is by the better answers themselves. It should fall.",
        (Metric("nll", "loss on the better answers"),),
    ),
    Figure(
        "preference",
        "Rewards",
        "How much more likely each answer has become than it was at the start. "
        "The two should part: the better answer above the worse one. The margin is the distance between them.",
        (
            Metric("chosen_reward", "better answer"),
            Metric("rejected_reward", "worse answer"),
            Metric("margin", "margin"),
        ),
        level=0.0,
    ),
    Figure(
        "accuracy",
        "Accuracy",
        "How often the better answer gains on the worse one, and how often it is the likelier of the two, counted by "
        "the word. " + _HALF,
        (Metric("accuracy", "gains", _share), Metric("preferred", "is likelier", _share)),
        level=0.5,
        share=True,
    ),
    Figure(
        "reward",
        "Reward",
        "The mean score of the answers, with how far they spread, and each reward alone. "
        "It should rise; a band that closes means the answers of a group have become alike.",
        (Metric("reward", "all rewards, weighted"), Metric("reward_std", "spread")),
        band="reward_std",
    ),
    Figure(
        "solved",
        "Solved",
        "The share of held-out questions whose answer is right, written without chance.",
        (Metric("solved", "solved", _share),),
        share=True,
    ),
    Figure(
        "groups",
        "Groups",
        "Flat groups, where every answer scores the same, teach nothing. "
        "Clipped: the share of words held back because they changed too fast. Cut off: the share of answers too long.",
        (
            Metric("flat_groups", "flat groups", _share),
            Metric("clipped", "clipped", _share),
            Metric("cut_off", "cut off", _share),
        ),
        share=True,
        only=("grpo", "dapo"),
    ),
    Figure(
        "thrown",
        "Thrown away",
        "Groups whose answers all scored the same, replaced by other questions. Many of them make a step slow: "
        "the questions have become too easy, or are too hard.",
        (Metric("thrown_groups", "groups in a step", lambda v: f"{v:,.0f}"),),
    ),
    Figure(
        "teacher",
        "Teacher",
        "How far the student's next words are from the teacher's (KL), in the data's answers and in its own, and how "
        "surprised it is by the data's. All should fall.",
        (
            Metric("kl", "distance to the teacher"),
            Metric("own_kl", "distance in its own answers"),
            Metric("hard_loss", "loss on the data"),
        ),
        only=("distill",),
    ),
    Figure(
        "cut",
        "Cut off",
        "The share of the student's own answers that were longer than allowed. They are learned from up to there.",
        (Metric("cut_off", "cut off", _share),),
        share=True,
        only=("distill",),
    ),
    Figure(
        "moved",
        "Drift",
        "KL: how far the model has moved from where it began. Some is learning; a steep climb is a warning.",
        (Metric("kl", "KL"),),
        only=("kto",),
    ),
    Figure(
        "drift",
        "Drift",
        "KL: how far the model has moved from where it began. Some is learning; a steep climb is a warning. "
        "Entropy: how varied its words are. Near zero it only repeats itself.",
        (Metric("kl", "KL"), Metric("entropy", "entropy")),
    ),
    Figure(
        "length",
        "Length",
        "How long the answers are. A sudden growth or fall often means that the reward is being tricked.",
        (Metric("answer_length", "mean answer, in tokens", lambda v: f"{v:,.0f}"),),
    ),
    Figure(
        "time",
        "Time",
        "What each step spends on writing answers, and on learning from them.",
        (
            Metric("sampling_seconds", "writing, in seconds", _seconds),
            Metric("learning_seconds", "learning, in seconds", _seconds),
        ),
    ),
)


def figures(method: str, names: Iterable[str]) -> list[Figure]:
    """The charts for the metrics that a run of this method reports, in the order they are shown."""
    left = list(names)
    found = []
    for figure in FIGURES:
        if figure.only and method not in figure.only:
            continue
        mine = [m for m in figure.metrics if m.name in left]
        if not mine:
            continue
        if figure.key == "reward":
            alone = [n for n in left if n.startswith(REWARD) and n != figure.band]
            if len(alone) > 1:  # a single reward is the sum
                mine += [Metric(n, n.removeprefix(REWARD).replace("_", " ")) for n in sorted(alone)]
            left = [n for n in left if n not in alone]
        found.append(replace(figure, metrics=tuple(mine)))
        left = [n for n in left if n not in {m.name for m in mine}]
    for name in left:
        title = name.replace("_", " ").capitalize()
        found.append(Figure(name, title, "A number of this method.", (Metric(name, title.lower()),)))
    return found


def metric(name: str) -> Metric:
    """One metric of the table; a plain number for a name that is not in it."""
    known = (m for f in FIGURES for m in f.metrics if m.name == name)
    return next(known, Metric(name, name.replace("_", " ")))
