"""Length: answers up to a given length; longer ones lose."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 up to settings.length tokens, falling linearly to 0 at twice as many; 0 for a truncated answer."""
    if answer.truncated:
        return Score(0.0, f"was cut off at {answer.tokens} tokens")
    excess = max(0, answer.tokens - settings.length)
    return Score(max(0.0, 1.0 - excess / settings.length), f"{answer.tokens} tokens, aim {settings.length}")


REWARD = Reward("Length", "The answer, thinking included, ends within the length that is aimed at.", score)
