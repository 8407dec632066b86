"""Compare models on the same rows: which is better, and whether by more than chance."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import BadOption
from core.evaluation.evaluate import Evaluation
from core.evaluation.rows import EvaluatedRow
from core.text.sentence import say
from core.training.paired_tests import CLEAR, format_p, sign_flip_test, sign_test
from core.training.result_metrics import describe_metric

LOSS = "loss"
EXACT = "exact_match"


@dataclass(frozen=True)
class Comparison:
    """Two models on the rows that both were measured on."""

    first: str  # their names
    second: str
    metric: str  # "loss", "exact_match" or the name of a reward
    rows: int
    mean_first: float
    mean_second: float
    wins: int  # rows on which the second is better
    losses: int  # rows on which the first is
    p: float  # two-sided: exact where each row is right or wrong, by random signs otherwise

    @property
    def is_clear(self) -> bool:
        """Whether the difference is more than chance."""
        return self.p < CLEAR

    @property
    def is_share(self) -> bool:
        """Whether each row is right or wrong."""
        return self.metric == EXACT

    @property
    def sentence(self) -> str:
        """Who is better by what, or that it may be chance."""
        if self.is_share:
            more = self.wins - self.losses
            who, count = (self.second, more) if more >= 0 else (self.first, -more)
            if not more:
                return say("Both solve as many of {rows}.", rows=self.rows)
            words = say("{who} solves {count} more of {rows}", who=who, count=count, rows=self.rows)
        else:
            lower = self.mean_second < self.mean_first
            is_second = lower if self.metric == LOSS else not lower
            rows = say("1 row") if self.rows == 1 else say("{rows:,} rows", rows=self.rows)
            name = say("loss per row") if self.metric == LOSS else say("reward {metric!r}", metric=self.metric)
            if self.mean_first == self.mean_second:
                return say("Both have the same mean {name} over {rows}.", name=name, rows=rows)
            means = (self.mean_second, self.mean_first) if is_second else (self.mean_first, self.mean_second)
            better = self.second if is_second else self.first
            values = {"better": better, "name": name, "mean": means[0], "other": means[1], "rows": rows}
            if self.metric == LOSS:
                words = say("{better} has the lower {name}, {mean:.4g} against {other:.4g} over {rows}", **values)
            else:
                words = say("{better} has the higher {name}, {mean:.4g} against {other:.4g} over {rows}", **values)
        if self.is_clear:
            return say("{words} (paired, {p}).", words=words, p=format_p(self.p))
        return say("{words}, but the difference may be chance (paired, {p}).", words=words, p=format_p(self.p))


def compare(first: Evaluation, second: Evaluation, seed: int = 0) -> list[Comparison]:
    """The two in every metric that both have, row by row. `seed` is that of the random signs.

    Raises BadOption where they were not measured on the same rows.
    """
    if [row.line for row in first.rows] != [row.line for row in second.rows]:
        raise BadOption(
            say("{first} and {second} were not measured on the same rows.", first=first.name, second=second.name)
        )
    found = []
    for metric in _metrics(first.rows):
        pairs = [(_value(a, metric), _value(b, metric)) for a, b in zip(first.rows, second.rows, strict=True)]
        values = [(a, b) for a, b in pairs if a is not None and b is not None]
        if not values:
            continue
        gains = [a - b if metric == LOSS else b - a for a, b in values]
        wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
        p = sign_test(wins, losses) if metric == EXACT else sign_flip_test(gains, seed)
        means = [sum(side) / len(values) for side in zip(*values, strict=True)]
        found.append(Comparison(first.name, second.name, metric, len(values), means[0], means[1], wins, losses, p))
    return found


def write_markdown(evaluations: Sequence[Evaluation], comparisons: Sequence[Comparison]) -> str:
    """A table of the models with all their metrics, and one of the comparisons."""
    names = list(dict.fromkeys(name for e in evaluations for name in e.metrics))
    titles = ["Model", "Loss", *(describe_metric(name).title for name in names)]
    lines = _table(
        titles,
        [[e.name, f"{e.loss:.4f}", *(_figure(e.metrics, name) for name in names)] for e in evaluations],
    )
    if comparisons:
        heads = ["Compared", "Metric", "Rows", "First", "Second", "Better", "Worse", "p", ""]
        cells = [
            [
                f"{c.first} → {c.second}",
                "loss per row" if c.metric == LOSS else c.metric,  # the table above has the loss per token
                f"{c.rows}",
                f"{c.mean_first:.4g}",
                f"{c.mean_second:.4g}",
                f"{c.wins}",
                f"{c.losses}",
                format_p(c.p).removeprefix("p ").removeprefix("= "),
                c.sentence,
            ]
            for c in comparisons
        ]
        lines += ["", *_table(heads, cells)]
    return "\n".join(lines) + "\n"


def write_csv(evaluations: Sequence[Evaluation]) -> str:
    """Every row of every model: its line in the data, loss, answer and scores."""
    metrics = [m for m in dict.fromkeys(m for e in evaluations for m in _metrics(e.rows)) if m != LOSS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "line", "loss", *metrics, "prompt", "answer", "expected"])
    for e in evaluations:
        for row in e.rows:
            scores = [row.scores.get(metric, "") for metric in metrics]
            loss = "" if row.loss is None else row.loss
            writer.writerow([e.name, row.line, loss, *scores, row.prompt, row.answer or "", row.expected])
    return text.getvalue()


def _metrics(rows: Sequence[EvaluatedRow]) -> list[str]:
    return [LOSS, *dict.fromkeys(name for row in rows for name in row.scores)]


def _value(row: EvaluatedRow, metric: str) -> float | None:
    value = row.loss if metric == LOSS else row.scores.get(metric)
    return value if value is not None and math.isfinite(value) else None


def _figure(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.4g}" if name in metrics else ""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [titles, ["---"] * len(titles), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
