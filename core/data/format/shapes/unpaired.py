"""Unpaired preferences: rows with one answer that is marked good or bad."""

import functools
import math
import shlex
from dataclasses import replace
from typing import Any

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Example, Unusable
from core.data.format.message_content import is_null
from core.data.format.shapes import common, pairs, prompts
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row
from core.text.comma_list import join_list
from core.text.sentence import say

NAME = say("Thumbs up and down")
_GOOD = (
    "true", "1", "1.0", "+1", "+", "yes", "y", "t", "good", "up", "thumb up", "upvote", "like", "liked",
    "desirable", "positive", "pos", "chosen", "accepted", "approved", "correct", "right", "pass", "win", "👍", "✅",
    "✓", "ja", "gut", "wahr", "richtig", "positiv", say("thumbs up"), "oui", "vrai", "sí", "si", "sim",
    "verdadero", "是", "好",
)  # fmt: skip
_BAD = (
    "false", "0", "0.0", "-1", "-", "no", "n", "f", "bad", "down", "thumb down", "downvote", "dislike",
    "disliked", "undesirable", "negative", "neg", "rejected", "declined", "incorrect", "wrong", "fail", "lose", "👎",
    "❌", "✗", "nein", "schlecht", "falsch", "negativ", say("thumbs down"), "non", "faux", "falso", "não", "否", "坏",
)  # fmt: skip

_match_conversation = common.require_columns(names_of.MESSAGES, names_of.LABEL, extra=(names_of.SYSTEM, names_of.TOOLS))
_match_answer = common.require_columns(
    prompts.TEXT_PROMPTS, names_of.ANSWER, names_of.LABEL, extra=(names_of.THINKING, *prompts.BESIDE)
)


def match_columns(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row with an answer and a label that means good or bad; other labels are for other data."""
    name = common.find_column(value, names_of.LABEL)
    if not name or _parse_mark(value[name]) is None:
        return ()
    if isinstance(common.column_value(value, names_of.MESSAGES), list):
        return _match_conversation(value)
    return _match_answer(value)


def build_marked(row: Row) -> ParseResult:
    """One example: a conversation that ends with the answer, or prompt and completion, with the mark.

    Raises Unusable.
    """
    label = _parse_mark(row.value[common.find_column(row.value, names_of.LABEL)])
    if label is None:
        raise Unusable("label", say("label is neither good nor bad."))
    if isinstance(common.column_value(row.value, names_of.MESSAGES), list):
        messages, remarks = chat.trim_to_last_answer(common.read_messages(row.value))
        return (Example(row.line, messages=messages, label=label, tools=common.read_tools(row.value)),), remarks
    row = prompts.open_input(row)
    prompt = prompts.read_prompt(row.value, prompts.TEXT_PROMPTS)
    answer = chat.as_answer(common.structure_value(row.value, names_of.ANSWER))
    if chat.is_conversation(answer):
        answers = chat.parse_messages(answer)
    else:
        text = common.read_answer(row.value, names_of.ANSWER)
        if isinstance(prompt, str):
            return (Example(row.line, prompt=prompt, completion=text, label=label),), []
        answers = (common.assistant_message(text),)
    messages, remarks = chat.trim_to_last_answer((*prompts.as_messages(prompt), *answers))
    return (Example(row.line, messages=messages, label=label, tools=common.read_tools(row.value)),), remarks


def _parse_mark(value: Any) -> bool | None:
    """Whether a label means good (True) or bad (False); None when it means neither."""
    word = " ".join(str(value).strip().lower().replace("_", " ").split())
    return True if word in _GOOD else False if word in _BAD else None


def has_mark_or_none(value: Values) -> bool:
    """Whether a row's label means good or bad, or there is none."""
    name = common.find_column(value, names_of.LABEL)
    return not name or _is_empty(value[name]) or _parse_mark(value[name]) is not None


def _is_empty(mark: Any) -> bool:
    return is_null(mark) or not str(mark).strip()


def _build_from_pair(row: Row) -> ParseResult:
    """A preference pair as one good and one bad answer."""
    (pair,), remarks = pairs.build_pair(row)
    examples = []
    for answer, label in ((pair.chosen, True), (pair.rejected, False)):
        if isinstance(answer, str):
            examples.append(Example(row.line, prompt=pair.prompt, completion=answer, label=label))
        else:
            messages = (*(pair.messages or ()), *(answer or ()))
            examples.append(Example(row.line, messages=messages, label=label, tools=pair.tools))
    return tuple(examples), remarks


def _match_unmarked(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row whose mark is empty."""
    name = common.find_column(value, names_of.LABEL)
    if not name or not _is_empty(value[name]):
        return ()
    return common.require_columns(prompts.ANY_PROMPT, names_of.LABEL)(value)


def _refuse_unmarked(row: Row) -> ParseResult:
    raise Unusable("label", say("{column} is empty.", column=common.find_column(row.value, names_of.LABEL)))


def _match_rating(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row whose mark is a number on a scale."""
    name = common.find_column(value, names_of.RATING)
    if not name or rating_of(value) is None:
        return ()
    return common.require_columns(prompts.ANY_PROMPT, (name.strip().lower(),))(value)


def rating_of(value: Values) -> float | None:
    """The number on a scale that is a row's mark, also as stars; None where there is none."""
    mark = value.get(common.find_column(value, names_of.RATING))
    if isinstance(mark, str) and mark.strip() and not mark.strip().strip("★☆⭐\ufe0f"):
        return float(mark.count("★") + mark.count("⭐"))
    try:
        mark = mark.replace(",", ".") if isinstance(mark, str) else mark
        rating = math.nan if isinstance(mark, bool) or mark is None else float(mark)
    except (TypeError, ValueError, OverflowError):
        return None
    return rating if math.isfinite(rating) else None


def _refuse_rating(highest: float, row: Row) -> ParseResult:
    name = common.find_column(row.value, names_of.RATING)
    limit = 0.5 if highest <= 1 else 4 if highest <= 5 else 7 if highest <= 10 else round(0.7 * highest)
    raise Unusable(
        "rating",
        say(
            "{column} is a number on a scale, not good or bad; say from where on it is good: --columns {mapping}.",
            column=name,
            mapping=shlex.quote(_mapping(row.value, f"{name}>={limit}")),
        ),
    )


def _mapping(value: Values, label: str) -> str:
    """A value of --columns for a row of which this is the label."""
    prompt = common.find_column(value, prompts.TEXT_PROMPTS)
    answer = common.find_column(value, names_of.ANSWER)
    messages = common.find_column(value, names_of.MESSAGES) or next(iter(value))
    parts = {"prompt": prompt, "completion": answer} if prompt and answer else {"messages": messages}
    return join_list([*(f"{role}={column}" for role, column in parts.items()), f"label={label}"])


def _match_unknown_mark(value: Values) -> tuple[str, ...]:
    """Shape.columns of a row whose mark is a word that is not known."""
    if isinstance(common.column_value(value, names_of.MESSAGES), list):
        return _match_conversation(value)
    return _match_answer(value)


def _refuse_unknown_mark(row: Row) -> ParseResult:
    name = common.find_column(row.value, names_of.LABEL)
    message = say("{column} is {word!r}, which means neither good nor bad.", column=name, word=row.value[name])
    raise Unusable("label", message, say("Write true or false, yes or no, 1 or 0, 👍 or 👎."))


def ratings_up_to(highest: float) -> Shape:
    """The shape of rows with marks on a scale, of which this is the highest that was met."""
    return replace(RATINGS, build=functools.partial(_refuse_rating, highest))


# A scale holds the numbers of good and bad too: where one row has a number of another kind, all rows are of this shape.
RATINGS = Shape("Ratings", "", _match_rating, functools.partial(_refuse_rating, 5))
SHAPES = (
    Shape(NAME, say("prompt, completion and label, or messages and label"), match_columns, build_marked),
    Shape(pairs.NAME, "", pairs.match_columns, _build_from_pair, say("Each pair becomes one good and one bad answer.")),
    RATINGS,
    Shape(say("Answers without a mark"), "", _match_unmarked, _refuse_unmarked),
    Shape(say("Unknown marks"), "", _match_unknown_mark, _refuse_unknown_mark),
)
