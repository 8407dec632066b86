"""Length: answers up to a given length; longer ones lose."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 up to the aim in tokens, falling evenly to 0 at twice the aim; 0 for an answer that was cut off."""
    if answer.cut:
        return Score(0.0, f"was cut off at {answer.tokens} tokens")
    over = max(0, answer.tokens - settings.length)
    return Score(max(0.0, 1.0 - over / settings.length), f"{answer.tokens} tokens, aim {settings.length}")


REWARD = Reward("Length", "The answer, thinking included, ends within the length that is aimed at.", score)
