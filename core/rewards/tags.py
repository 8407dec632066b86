"""Tag count: each of the wanted tags occurs once."""

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say


def score(answer: Answer, settings: RewardSettings) -> Score:
    """The share of settings.tags that are opened and closed exactly once, in that order."""
    failed_tags = [tag for tag in settings.tags if not _occurs_once(answer.text, tag)]
    reason = (
        say("not exactly once: {failed_tags}", failed_tags=", ".join(failed_tags))
        if failed_tags
        else say("every tag once")
    )
    return Score(1 - len(failed_tags) / len(settings.tags), reason)


def _occurs_once(text: str, tag: str) -> bool:
    opening, closing = f"<{tag}>", f"</{tag}>"
    return text.count(opening) == 1 == text.count(closing) and text.index(opening) < text.index(closing)


REWARD = Reward("Tag count", "Each of the given tags is opened and closed exactly once.", score)
