"""Exact match: the answer is the expected text."""

import unicodedata

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the visible answer is the expected text; spacing does not count, upper and lower case do."""
    text, expected = (" ".join(_visible(t).split()) for t in (answer.visible, answer.expected))
    if text == expected:
        return Score(1.0, say("is the expected text"))
    return Score(0.0, say("is not {expected}", expected=_quote(expected)) if text else say("is empty"))


def _visible(text: str) -> str:
    """A text with each letter as one character, and without characters of no width that are there for nothing."""
    return unicodedata.normalize("NFC", text).replace("\u200b", "").replace("\ufeff", "")


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


REWARD = Reward("Exact match", "The answer is the expected text, letter for letter.", score, needs_expected=True)
