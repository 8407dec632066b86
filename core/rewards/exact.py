"""Exact match: the answer is the expected text."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the visible answer is the expected text; spacing does not count, upper and lower case do."""
    said, wanted = (" ".join(text.split()) for text in (answer.visible, answer.expected))
    if said == wanted:
        return Score(1.0, "is the expected text")
    return Score(0.0, f"is not {_short(wanted)}" if said else "is empty")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


REWARD = Reward("Exact match", "The answer is the expected text, letter for letter.", score, needs_expected=True)
