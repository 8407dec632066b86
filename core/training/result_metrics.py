"""The metrics of a run's results as people read them, and the scores of its sample answers."""

import json
from collections.abc import Mapping, Sequence

from core import methods
from core.methods import SHARE, Metric
from core.training import forgetting

Metrics = Mapping[str, float]

LARGE = 1e6  # numbers from here on are written as 1e+06

# Metrics of the ending, which every method has beside those of its charts.
SAMPLE_METRICS = {
    "exact_match": Metric("exact_match", "as expected", SHARE, "Sample answers as expected"),
    "valid_json": Metric("valid_json", "valid JSON", SHARE, "Sample answers in valid JSON"),
    forgetting.METRIC: Metric(forgetting.METRIC, "general text", title="Loss on general text"),
}


def describe_metric(name: str) -> Metric:
    """A metric as tables of results show it; one that no method gives a title goes by its name, as a plain number."""
    metric = SAMPLE_METRICS.get(name) or methods.find_metric(name)
    if metric is None or not metric.title:
        return Metric(name, name, title=name.replace("_", " ").capitalize())
    return metric


def format_metrics(initial: Metrics, final: Metrics) -> list[tuple[str, str]]:
    """(title, value or "initial → final") of every metric in `final`, as people read them."""
    rows = []
    for name, final_value in final.items():
        metric = describe_metric(name)
        values = [value for value in (initial.get(name), final_value) if value is not None]
        # What rounding has left of a zero is a plain zero to people, without a sign.
        texts = [format_number(v, ".0%") if metric.unit == SHARE else f"{round(v, 4) + 0.0:.3g}" for v in values]
        rows.append((metric.title, " → ".join(texts)))
    return rows


def answer_scores(answers: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    """Shares (0 to 1) of answers that are exactly as expected and, where JSON is expected, valid JSON.

    Prompts without an expected answer do not count; without any there are no scores.
    """
    pairs = [(a.strip(), e.strip()) for a, e in zip(answers, expected, strict=True) if e.strip()]
    if not pairs:
        return {}
    scores = {"exact_match": sum(a == e for a, e in pairs) / len(pairs)}
    json_answers = [a for a, e in pairs if _is_json(e)]
    if json_answers:
        scores["valid_json"] = sum(_is_json(a) for a in json_answers) / len(json_answers)
    return scores


def format_number(value: float, form: str) -> str:
    """A number in a form, or in few digits where that would have many: 1e300 has 300 of them."""
    return f"{value:{form}}" if abs(value) < LARGE else f"{value:.3g}"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
