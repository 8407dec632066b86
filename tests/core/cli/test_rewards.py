"""hone rewards: what there is, and a try of it."""

import json

import pytest

from core.__main__ import main
from core.rewards import REWARDS


def test_every_reward_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewards", "--json"]) == 0
    rewards = json.loads(capsys.readouterr().out)
    assert set(rewards) == set(REWARDS) and rewards["numeric"]["checks"].startswith("The answer comes to")
    assert main(["rewards"]) == 0
    assert "json     Valid JSON:" in capsys.readouterr().out


def test_answers_are_scored_with_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rewards", "try", "--rewards", "numeric=2,length=0.5", "--reward-length", "50", "--expected", "24"]
    assert main([*words, "--answer", "It is 24.", "--answer", "It is 42."]) == 0
    output = capsys.readouterr().out
    assert "1.00 × 2  24 is right" in output and "0.00 × 2  42 is not 24" in output
    assert output.count("total") == 2 and "2.50" in output and "0.50" in output
    assert main([*words, "--answer", "24", "--json"]) == 0
    (scored,) = json.loads(capsys.readouterr().out)
    assert scored["total"] == 2.5 and scored["rewards"]["numeric"] == {"score": 1.0, "why": "24 is right"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "at least one --answer"),
        (["--answer", "x", "--rewards", "regex"], "needs --reward-pattern"),
        (["--answer", "x", "--rewards", "magic"], "There is no reward 'magic'"),
        (["--answer", "x", "--rewards", "file", "--reward-file", "no.py"], "There is no reward file no.py."),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(["rewards", "try", *words]) == 2
    error_output = capsys.readouterr().err
    assert sentence in error_output and error_output.count("\n") == 1
