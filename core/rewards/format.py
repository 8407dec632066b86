"""Thinking format: one thought, finished, and then an answer."""

from core.rewards.answer import THINK, THOUGHT, Answer, Reward, Score, Settings


def score(answer: Answer, settings: Settings) -> Score:
    """1 for thinking inside one pair of tags with an answer behind it, 0.5 for the tags alone, else 0."""
    text = (THINK if answer.opened else "") + answer.text.strip()
    if not text.startswith(THINK):
        return Score(0.0, "does not begin with a thought")
    if text.count(THOUGHT) != 1 or text.count(THINK) != 1:
        return Score(0.0, "does not finish its thought" if THOUGHT not in text else "thinks more than once")
    if not text.partition(THOUGHT)[0].removeprefix(THINK).strip():
        return Score(0.0, "its thought is empty")
    if not answer.visible:
        return Score(0.5, "thinks, but gives no answer")
    return Score(1.0, "thinks, then answers")


REWARD = Reward("Thinking format", "The model thinks once, between <think> and </think>, and then answers.", score)
