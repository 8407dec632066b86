"""Valid JSON: the answer can be read by a program."""

import json
import re

from core.rewards.answer import Answer, Reward, RewardSettings, Score

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n```$", re.DOTALL)


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the visible answer is a JSON object or list and nothing else; 0.5 when it stands in a code fence."""
    text, points, suffix = answer.visible, 1.0, ""
    fenced = _FENCE.match(text)
    if fenced:
        text, points, suffix = fenced.group(1), 0.5, " in a code fence"
    try:
        value = json.loads(text)
    except ValueError as error:
        return Score(0.0, f"is no JSON: {error}" if text else "is empty")
    except RecursionError:
        return Score(0.0, "is nested too deeply to be read")
    if not isinstance(value, dict | list):
        return Score(0.0, "is a single value, not an object or list")
    return Score(points, f"is valid JSON{suffix}")


REWARD = Reward("Valid JSON", "The answer is a JSON object or list and nothing else.", score)
