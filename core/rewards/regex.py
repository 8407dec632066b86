"""Regular expression: the answer has a given form."""

import re

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when settings.pattern is found in the visible answer, else 0."""
    if re.search(settings.pattern, answer.visible):
        return Score(1.0, say("matches the pattern"))
    return Score(0.0, say("does not match the pattern"))


REWARD = Reward("Regular expression", "The pattern is found in the answer.", score)
