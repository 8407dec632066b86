"""Preference pairs that are told in another way: two answers and which of them is better, answers with ranks, or a
conversation with a worse answer beside it."""

import functools
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.data.format import column_names as names_of
from core.data.format import conversation as chat
from core.data.format.example import Unusable
from core.data.format.message_content import is_null
from core.data.format.roles import speaker_of
from core.data.format.shapes import common, prompts
from core.data.format.shapes.common import Values
from core.data.format.shapes.ranked import may_be_ranked, read_ranked
from core.text.sentence import say

_ANSWERS = ("response", "answer", "output", "completion", "conversation", "generation", "human_ref")
_MARKS = (("a", "b"), ("1", "2"), ("0", "1"))
_BETTER = ("winner", "preference", "preferred", "better", "better_response_id", "preferred_output", "choice")
_SIGNED = ("overall_preference", "preference_strength")  # below 0 the first answer is better, above 0 the second
_FIRST_IS_BETTER = {"human_ref": ("labels",)}  # 1 where the first of these answers is better, 0 the second, as in SHP
_SCORE = "score"  # of an answer, with its mark, as in WebGPT: the higher is the better
_TIES = ("", "tie", "tie (bothbad)", "both", "bothbad", "both_bad", "neither", "none", "equal", "same")


@dataclass(frozen=True)
class _Two:
    """A row's own names of the columns with two answers and with which of them is better."""

    first: str
    second: str
    better: tuple[str, ...]  # one column, or the score of each
    names: tuple[tuple[str, ...], ...]  # by which it names the first and the second
    is_signed: bool = False
    models: tuple[str, ...] = ()  # the columns that name who wrote the first and the second

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.first, self.second, *self.better)


def match_columns(value: Values) -> tuple[str, ...]:
    """Shape.columns of such a row."""
    forms = _find_forms(tuple(value))
    two = forms.two
    used: tuple[str, ...] = two.columns if two else ()
    if not used and forms.may_be_ranked and (ranked := read_ranked(value)):
        used = ranked.columns
    if not used and forms.may_have_worse:
        used = _conversation_and_worse(value)
    if not used:
        return ()
    beside = (prompts.ANY_PROMPT, *prompts.BESIDE)
    more = dict.fromkeys(common.find_column(value, names) for names in beside)
    return (*(c for c in more if c and c not in used), *used)


def as_pair(value: Values) -> Values:
    """The row with the columns chosen and rejected in place of its own. Raises Unusable where neither is better."""
    two = _find_forms(tuple(value)).two
    if two:
        better_first = _is_first_better(two, value)
        value = _open_turns(value, (two.first, two.second))
        chosen, rejected = (value[c] for c in ((two.first, two.second) if better_first else (two.second, two.first)))
        return _with_answers(value, two.columns, chosen, rejected)
    if ranked := read_ranked(value):
        if ranked.is_tie:
            raise Unusable("tie", say("The answers have the same rank."))
        return _with_answers(value, ranked.columns, ranked.answers[0], ranked.answers[-1])
    messages_column, worse_column = _conversation_and_worse(value)
    messages, worse = common.column_value(value, (messages_column,)), common.column_value(value, (worse_column,))
    if not chat.is_conversation(worse):
        worse = [*messages[:-1], common.assistant_message(common.read_text(value, (worse_column,)))]
    return _with_answers(value, (messages_column, worse_column), messages, worse)


def _with_answers(value: Values, used: tuple[str, ...], chosen: Any, rejected: Any) -> Values:
    pair = {column: content for column, content in value.items() if column not in used}
    context = common.find_column(pair, ("context",))
    if context and not common.find_column(pair, prompts.ANY_PROMPT):
        earlier = common.parse_structure(pair[context])
        if chat.is_conversation(earlier):  # as in HelpSteer3
            pair["messages"] = pair.pop(context)
    history = common.find_column(pair, names_of.HISTORY)
    if history and isinstance(pair[history], str) and not common.find_column(pair, prompts.ANY_PROMPT):
        pair["question"] = pair.pop(history)  # as in SHP
    question = common.find_column(pair, names_of.QUESTION)
    if question and isinstance(inside := common.parse_structure(pair[question]), dict) and "full_text" in inside:
        pair[question] = inside["full_text"]  # as in WebGPT
    return pair | {"chosen": chosen, "rejected": rejected}


def _open_turns(value: Values, answers: tuple[str, str]) -> Values:
    """The row with whole conversations as its two answers, where it lists what was asked and answered as JSON in texts,
    as in the arena's data of 2024; any other row as it is."""
    prompt = common.find_column(value, names_of.PROMPT)
    listed = [_texts(value[column]) for column in (prompt, *answers)] if prompt else [[]]
    if not all(listed) or len({len(texts) for texts in listed}) > 1:
        return value
    asked, *answered = listed
    conversations = (
        [
            turn
            for q, a in zip(asked, texts, strict=True)
            for turn in (common.user_message(q), common.assistant_message(a))
        ]
        for texts in answered
    )
    others = {column: content for column, content in value.items() if column != prompt}
    return others | dict(zip(answers, conversations, strict=True))


def _texts(value: Any) -> list[str]:
    """The texts that a list in JSON holds; none where a value is something else."""
    if not (isinstance(value, str) and value.startswith("[")):
        return []
    try:
        texts = json.loads(value)
    except (ValueError, RecursionError):
        return []
    return texts if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else []


class _Forms(NamedTuple):
    """What a row's columns could be: two answers and which is better, answers with ranks, a conversation and a worse
    answer."""

    two: _Two | None
    may_be_ranked: bool
    may_have_worse: bool


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _find_forms(row_columns: tuple[str, ...]) -> _Forms:
    row = dict.fromkeys(row_columns)
    may_have_worse = bool(common.find_column(row, names_of.REJECTED) and common.find_column(row, names_of.MESSAGES))
    return _Forms(_find_two(row_columns), may_be_ranked(row), may_have_worse)


def _find_two(row_columns: tuple[str, ...]) -> _Two | None:
    own = {column.strip().lower().replace(" ", "_"): column for column in row_columns}
    signed = next((own[name] for name in _SIGNED if name in own), "")
    better = signed or next((own[name] for name in _BETTER if name in own), "")
    for name in _ANSWERS:
        for marks in _MARKS:
            for joint in ("_", ""):
                first, second, *scores = (f"{word}{joint}{mark}" for word in (name, _SCORE) for mark in marks)
                if first not in own or second not in own:
                    continue
                answers = own[first], own[second]
                if better:
                    written = (answer.strip().lower().replace(" ", "_") for answer in answers)
                    names = tuple((m, f"model_{m}", answer) for m, answer in zip(marks, written, strict=True))
                    models = tuple(own[f"model_{m}"] for m in marks if f"model_{m}" in own)
                    return _Two(*answers, (better,), names, bool(signed), models if len(models) == 2 else ())
                if mark := next((own[label] for label in _FIRST_IS_BETTER.get(name, ()) if label in own), ""):
                    return _Two(*answers, (mark,), (("1",), ("0",)))
                for scored in (scores, [f"winner_model_{mark}" for mark in marks]):
                    if all(score in own for score in scored):
                        return _Two(*answers, tuple(own[score] for score in scored), ())
    return None


def _is_first_better(two: _Two, value: Values) -> bool:
    """Whether the first answer is the better one, from what its columns say. Raises Unusable."""
    texts = [_word(value[column]) for column in two.better]
    if two.is_signed or len(texts) > 1:
        first, second = (*map(_number, two.better, texts), 0.0)[:2]
        if first == second:
            raise Unusable("tie", say("Neither answer is the better one."))
        return first < second if two.is_signed else first > second
    if texts[0] in _TIES:
        raise Unusable("tie", say("Neither answer is the better one."))
    named = texts[0].removesuffix(".0").replace(" ", "_")
    for column in two.models:
        if texts[0] == _word(value[column]):
            return column == two.models[0]
    if not any(named in names for names in two.names):
        raise Unusable(
            "better",
            say(
                "{column} names neither {first} nor {second}.", column=two.better[0], first=two.first, second=two.second
            ),
        )
    return named in two.names[0]


def _word(content: Any) -> str:
    return "" if is_null(content) else str(content).strip().lower()


def _number(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unusable("better", say("{column} is no number.", column=column)) from None


def _conversation_and_worse(value: Values) -> tuple[str, ...]:
    """The columns of a conversation that ends with the better answer, and of the worse one; none where a row has not
    both."""
    worse = common.find_column(value, names_of.REJECTED)
    if not worse or common.find_column(value, names_of.CHOSEN):
        return ()
    messages = common.find_column(value, names_of.MESSAGES)
    conversation: Any = common.column_value(value, (messages,)) if messages else None
    if not chat.is_conversation(conversation):
        return ()
    last_speaker = speaker_of(conversation[-1])
    return (messages, worse) if last_speaker in ("assistant", "gpt") else ()
