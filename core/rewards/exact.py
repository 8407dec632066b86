"""Exact match: the answer is the expected text."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say
from core.text.visible import as_seen


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the visible answer is the expected text; spacing does not count, upper and lower case do."""
    text, expected = (" ".join(as_seen(t).split()) for t in (answer.visible, answer.expected))
    if text == expected:
        return Score(1.0, say("is the expected text"))
    return Score(0.0, say("is not {expected}", expected=_quote(expected)) if text else say("is empty"))


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


REWARD = Reward("Exact match", "The answer is the expected text, letter for letter.", score, needs_expected=True)
