"""Thinking format: one thought, finished, and then an answer."""

from core.rewards.answer import THINK_END, THINK_START, Answer, Reward, RewardSettings, Score
from core.text.sentence import say


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 for thinking inside one pair of <think> tags with an answer after it, 0.5 without the answer, else 0."""
    text = (THINK_START if answer.thinking_opened else "") + answer.text.strip()
    if not text.startswith(THINK_START):
        return Score(0.0, say("does not begin with a thought"))
    if text.count(THINK_END) != 1 or text.count(THINK_START) != 1:
        return Score(0.0, say("does not finish its thought") if THINK_END not in text else say("thinks more than once"))
    if not text.partition(THINK_END)[0].removeprefix(THINK_START).strip():
        return Score(0.0, say("its thought is empty"))
    if not answer.visible:
        return Score(0.5, say("thinks, but gives no answer"))
    return Score(1.0, say("thinks, then answers"))


REWARD = Reward("Thinking format", "The model thinks once, between <think> and </think>, and then answers.", score)
