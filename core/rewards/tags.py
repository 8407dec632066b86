"""Tag count: each of the wanted tags occurs once."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score


def score(answer: Answer, settings: RewardSettings) -> Score:
    """The share of the wanted tags that are opened and closed exactly once, in that order."""
    wrong = [tag for tag in settings.tags if not _once(answer.text, tag)]
    why = f"not exactly once: {', '.join(wrong)}" if wrong else "every tag once"
    return Score(1 - len(wrong) / len(settings.tags), why)


def _once(text: str, tag: str) -> bool:
    opened, closed = f"<{tag}>", f"</{tag}>"
    return text.count(opened) == 1 == text.count(closed) and text.index(opened) < text.index(closed)


REWARD = Reward("Tag count", "Each of the given tags is opened and closed exactly once.", score)
