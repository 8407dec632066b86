"""What was measured on each row of a dataset, and the scores of its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.errors import BadOption
from core.rewards.answer import Answer
from core.rewards.judge import RewardScorer


@dataclass
class EvaluatedRow:
    """What was measured on one row."""

    line: int  # in its file, counted from 1
    loss: float | None = None  # of its answer, in nats per token; None where nothing of it can be measured
    prompt: str = ""
    answer: str | None = None  # the model's own; None where it was not asked
    expected: str = ""
    scores: dict[str, float] = field(default_factory=dict)  # of the answer: exact_match, and each reward's by its name


def score_answers(scorer: RewardScorer, answers: Sequence[Answer], rows: Sequence[EvaluatedRow]) -> dict[str, float]:
    """Give each row its scores; returns their means. Rows without what a reward checks against get no score of it.

    Raises BadOption where a person's reward file failed, with the reason.
    """
    result = scorer(answers)
    if result.problem:
        raise BadOption(result.problem)
    for answer, row, scored in zip(answers, rows, result.scored_answers, strict=True):
        usable = {n: s.value for n, s in scored.scores.items() if answer.expected or not scorer.needs_expected_for(n)}
        row.scores |= usable
        if len(usable) == len(scorer.weights) > 1:
            row.scores["reward"] = sum(scorer.weights[name] * value for name, value in usable.items())
    means = {}
    for name in (*scorer.weights, "reward"):
        values = [row.scores[name] for row in rows if name in row.scores]
        if values:
            means[name] = sum(values) / len(values)
    return means
