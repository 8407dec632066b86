"""Several answers to a question, each with a score or a rank: in objects, or in a list beside the list of answers."""

from typing import Any, NamedTuple

from core.data.format import gemini
from core.data.format.shapes import common
from core.data.format.shapes.common import Values

_LISTS = ("answers", "completions", "responses", "generations", "candidates")
_TEXTS = ("answer", "response", "completion", "output", "text", "content")
_SCORES = ("score", "overall_score", "rating", "reward")  # the higher is the better
_RANKS = ("rank", "ranking")  # the lower is the better
_SCORE_LISTS, _RANK_LISTS = ("scores", "ratings", "rewards", "rating", "score"), ("ranks", "ranking", "rankings")


class Ranked(NamedTuple):
    """Answers from the best to the worst, with the columns that they stand in."""

    columns: tuple[str, ...]
    answers: list[Any]
    is_tie: bool  # whether the first is no better than the last


def may_be_ranked(value: Values) -> bool:
    """Whether a row has a column of such answers, by its name."""
    return bool(common.find_column(value, _LISTS))


def read_ranked(value: Values) -> Ranked | None:
    """The answers of such a row; None where it has none."""
    column = common.find_column(value, _LISTS)
    answers = common.parse_structure(value[column]) if column else None
    if not isinstance(answers, list) or len(answers) < 2:
        return None
    columns: tuple[str, ...] = (column,)
    if all(isinstance(answer, dict) for answer in answers):
        marks = [_mark(answer) for answer in answers]
        texts = [_text(next((answer[key] for key in _TEXTS if key in answer), None)) for answer in answers]
    else:
        texts = answers
        beside = common.find_column(value, (*_SCORE_LISTS, *_RANK_LISTS))
        columns = (column, beside)
        marks = _marks(value.get(beside), beside.strip().lower() in _RANK_LISTS)
    if len(marks) != len(texts) or None in marks or not all(isinstance(text, str) for text in texts):
        return None
    order = sorted(range(len(texts)), key=lambda n: -(marks[n] or 0.0))
    return Ranked(columns, [texts[n] for n in order], marks[order[0]] == marks[order[-1]])


def _text(content: Any) -> Any:
    """The text of an answer in Gemini's form, as in its preference data; any other value as it is."""
    if not gemini.is_content(content):
        return content
    return "".join(str(part["text"]) for part in content["parts"] if gemini.is_text(part))


def _mark(answer: dict[str, Any]) -> float | None:
    """How good an answer is, from its score or its rank; None where it has neither."""
    for keys, sign in ((_SCORES, 1), (_RANKS, -1)):
        found = next((answer[key] for key in keys if key in answer), None)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return float(sign * found)
    return None


def _marks(values: Any, are_ranks: bool) -> list[float | None]:
    if not isinstance(values, list):
        return []
    numbers = [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else None for v in values]
    return [number if number is None or not are_ranks else -number for number in numbers]
