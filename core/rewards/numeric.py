"""Numeric answer: what the answer comes to has the expected value."""

from core.data.format.shapes.questions import final_answer
from core.rewards.answer import Answer, Reward, Score, Settings
from core.rewards.numbers import same, stated, value


def score(answer: Answer, settings: Settings) -> Score:
    """1 when the visible answer comes to the expected value, however it is written; thinking does not count."""
    if value(answer.expected) is None:  # a word, or a formula with letters
        found: str | None = final_answer(answer.visible)
    else:
        found = stated(answer.visible)
    if not found:
        return Score(0.0, "states no number" if answer.visible else "gives no answer")
    if same(found, answer.expected):
        return Score(1.0, f"{found} is right")
    return Score(0.0, f"{found} is not {answer.expected}")


REWARD = Reward(
    "Numeric answer",
    "The answer comes to the expected number; fractions, percent, units and thousands separators are understood.",
    score,
    needs_expected=True,
)
