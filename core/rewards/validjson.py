"""Valid JSON: the answer can be read by a program."""

import json
import re

from core.rewards.answer import Answer, Reward, RewardSettings, Score
from core.text.sentence import say

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n```$", re.DOTALL)


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the visible answer is a JSON object or list and nothing else; 0.5 when it stands in a code fence."""
    text, points, suffix = answer.visible, 1.0, ""
    fenced = _FENCE.match(text)
    if fenced:
        text, points, suffix = fenced.group(1), 0.5, say(" in a code fence")
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        return Score(0.0, say("is no JSON: {reason}", reason=error) if text else say("is empty"))
    except RecursionError:
        return Score(0.0, say("is nested too deeply to be read"))
    if not isinstance(value, dict | list):
        return Score(0.0, say("is a single value, not an object or list"))
    return Score(points, say("is valid JSON{suffix}", suffix=suffix))


def _refuse(name: str) -> None:
    """NaN and infinity, which Python reads, are none of JSON's."""
    raise ValueError(say("{name} is no value of JSON", name=name))


REWARD = Reward("Valid JSON", "The answer is a JSON object or list and nothing else.", score)
