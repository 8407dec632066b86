"""A reward function in every form in which Python lets people write one: each scores the answer b with 1."""

from pathlib import Path

import pytest

from tests.core.rewards.test_file import score_with

LIST = "[float(a == 'b') for a in answers]"
FORMS = {
    "annotations": f"def reward(answers: list[str], expected: 'list[str | None]') -> list[float]:\n    return {LIST}",
    "a dataclass and late annotations": f"""
from __future__ import annotations
from dataclasses import dataclass
@dataclass
class Judge:
    good: str = 'b'
    def of(self, answers: list[str]) -> list[float]:
        return {LIST}
def reward(answers):
    return Judge().of(answers)
""",
    "a default": "def reward(answers, good='b', *, low=0.0):\n    return [1.0 if a == good else low for a in answers]",
    "by name only": f"def reward(*, answers):\n    return {LIST}",
    "by position only": f"def reward(expected, answers, /, tokens):\n    return {LIST}",
    "any names": "def reward(answers, **lists):\n    return [e == '2' for e in lists['expected']]",
    "any positions": f"def reward(answers, *more):\n    return {LIST}",
    "a decorator": f"""
import functools
def times(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return [1.0 * score for score in function(*args, **kwargs)]
    return inner
@times
def reward(answers):
    return {LIST}
""",
    "async def": f"import asyncio\nasync def reward(answers):\n    await asyncio.sleep(0)\n    return {LIST}",
    "a class": f"class Scorer:\n    def __call__(self, answers):\n        return {LIST}\nreward = Scorer()",
    "a method": f"class Scorer:\n    def score(self, answers):\n        return {LIST}\nreward = Scorer().score",
    "a lambda": f"reward = lambda answers: {LIST}",
    "a partial": f"import functools\ndef _f(answers, n):\n    return {LIST}\nreward = functools.partial(_f, n=2)",
    "a generator": f"def reward(answers):\n    yield from {LIST}",
    "another name and a helper": f"def _score(answers):\n    return {LIST}\nscore = lambda answers: _score(answers)",
    "imported": "from scorer import reward",
}


@pytest.mark.parametrize("form", FORMS)
def test_in_whatever_form_the_function_is_written(tmp_path: Path, form: str) -> None:
    (tmp_path / "scorer.py").write_text(f"def reward(answers):\n    return {LIST}\n")
    result = score_with(tmp_path, FORMS[form] + "\n")
    assert result.problem == ""
    assert [v.scores["file"].value for v in result.scored_answers] == [0.0, 1.0]
