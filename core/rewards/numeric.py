"""Numeric answer: what the answer comes to has the expected value."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.rewards.numbers import find_result, parse_value, same_value
from core.rewards.words import find_words
from core.text.sentence import say


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the result of the visible answer equals the expected value, however both are written; else 0."""
    if parse_value(answer.expected) is None:  # a word, or a formula with letters
        result: str | None = find_words(answer.visible, answer.expected)
    else:
        result = find_result(answer.visible)
    if not result:
        return Score(0.0, say("states no number") if answer.visible else say("gives no answer"))
    if same_value(result, answer.expected):
        return Score(1.0, say("{result} is right", result=result))
    return Score(0.0, say("{result} is not {expected}", result=result, expected=answer.expected))


REWARD = Reward(
    "Numeric answer",
    "The answer comes to the expected number, date, letter or word; fractions, percent, units, and commas and points "
    "as in English or German are understood.",
    score,
    needs_expected=True,
)
