"""Valid JSON: the answer can be read by a program."""

import json
import re

from core.rewards.answer import Answer, Reward, RewardSettings, Score

_FENCE = re.compile(r"^```(?:json)?\s*\n(.*)\n```$", re.DOTALL)


def score(answer: Answer, settings: RewardSettings) -> Score:
    """1 when the visible answer is a JSON object or list and nothing else; half where it stands in a code fence."""
    text, worth, place = answer.visible, 1.0, ""
    fenced = _FENCE.match(text)
    if fenced:
        text, worth, place = fenced.group(1), 0.5, " in a code fence"
    try:
        found = json.loads(text)
    except ValueError as error:
        return Score(0.0, f"is no JSON: {error}" if text else "is empty")
    except RecursionError:
        return Score(0.0, "is nested too deeply to be read")
    if not isinstance(found, dict | list):
        return Score(0.0, "is a single value, not an object or list")
    return Score(worth, f"is valid JSON{place}")


REWARD = Reward("Valid JSON", "The answer is a JSON object or list and nothing else.", score)
