"""Length: answers up to a given length; longer ones lose."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 up to settings.length tokens, falling linearly to 0 at twice as many; 0 for a truncated answer."""
    if answer.truncated:
        return Score(0.0, say("was cut off at {tokens} tokens", tokens=answer.tokens))
    excess = max(0, answer.tokens - settings.length)
    return Score(
        max(0.0, 1.0 - excess / settings.length),
        say("{tokens} tokens, aim {length}", tokens=answer.tokens, length=settings.length),
    )


REWARD = Reward("Length", "The answer, thinking included, ends within the length that is aimed at.", score)
