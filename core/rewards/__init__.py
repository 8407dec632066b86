"""Rewards: what scores an answer. Each reward is one file; REWARDS lists them and can be read without MLX.

A reward gets an Answer and RewardSettings, and returns a Score: a number and the reason for it. The reward of an answer
is the sum of the scores that all rewards of a run give it, each times its weight.
"""

from core.errors import BadOption
from core.rewards import exact, file, format, length, numeric, regex, tags, validjson
from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say

REWARDS: dict[str, Reward] = {
    "numeric": numeric.REWARD,
    "exact": exact.REWARD,
    "regex": regex.REWARD,
    "length": length.REWARD,
    "json": validjson.REWARD,
    "format": format.REWARD,
    "tags": tags.REWARD,
    "file": file.REWARD,
}

# Thinking format, correctness and length. A right answer in the wrong form must beat a wrong one in the right
# form, and a short wrong one.
REASONING_WEIGHTS = {"numeric": 1.0, "format": 0.2, "length": 0.1}

__all__ = ["REASONING_WEIGHTS", "REWARDS", "Answer", "Reward", "RewardSettings", "Score", "parse_weights"]


def parse_weights(entries: tuple[str, ...]) -> dict[str, float]:
    """{name: weight} from entries such as "numeric=1" or "format", whose weight is 1.

    Raises BadOption, with one sentence for people, for an unknown or repeated name and a weight that is no number,
    is 0, or is not between -1000 and 1000.
    """
    weights_by_name: dict[str, float] = {}
    for entry in entries:
        name, _, number = entry.partition("=")
        name = name.strip()
        if name not in REWARDS:
            raise BadOption(
                say("There is no reward {name!r}; there are {rewards}.", name=name, rewards=", ".join(REWARDS))
            )
        if name in weights_by_name:
            raise BadOption(say("The reward {name!r} is named twice.", name=name))
        try:
            weight = float(number) if number.strip() else 1.0
        except ValueError:
            raise BadOption(
                say("The weight of the reward {name!r} is {number!r}, but must be a number.", name=name, number=number)
            ) from None
        if not abs(weight) <= 1000 or weight == 0:
            raise BadOption(
                say("The weight of the reward {name!r} must be between -1000 and 1000 and not 0.", name=name)
            )
        weights_by_name[name] = weight
    if not weights_by_name:
        raise BadOption(say("There is no reward: name at least one, such as numeric=1."))
    return weights_by_name
