"""A person's own reward file: it may raise, hang, end, print or answer nonsense; the run hears one sentence."""

import json
from pathlib import Path

import pytest

from app.desktop import language
from core.rewards import Answer, RewardSettings
from core.rewards.judge import RewardScorer, ScoringResult
from core.rewards.process import read_sentence

ANSWERS = [Answer("<think>x</think>a 1", "1", "one?", 3, line=7), Answer("b", "2", "two?", 4, line=8)]


def score_with(tmp_path: Path, source: str, seconds: float = 20.0) -> ScoringResult:
    file = tmp_path / "reward.py"
    file.write_text(source, encoding="utf-8")
    settings = RewardSettings(file=str(file), seconds=seconds, allow_code=True)
    with RewardScorer({"file": 1.0, "length": 1.0}, settings) as scorer:
        return scorer(ANSWERS)


def test_it_scores(tmp_path: Path) -> None:
    source = (
        "import json, helper\nprint('hello')\ndef reward(answers, expected, prompts, thinking, tokens):\n"
        "    print('this must not be taken for a score')\n"
        "    assert prompts == ['one?', 'two?'] and thinking[0] == '<think>x</think>', (prompts, thinking)\n"
        "    return [helper.HALF * float(e in a) + n for a, e, n in zip(answers, expected, tokens)]\n"
    )
    (tmp_path / "helper.py").write_text("HALF = 0.5\n")
    result = score_with(tmp_path, source)
    assert result.problem == ""
    assert [v.scores["file"].value for v in result.scored_answers] == [3.5, 4.0]
    assert [v.total for v in result.scored_answers] == [4.5, 5.0]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "def reward(answers):\n    return [1 / (len(a) - 1) for a in answers]\n",
            "reward.py, line 2: ZeroDivisionError: division by zero (at an answer to row 8).",
        ),
        ("def reward(answers):\n    return [float('nan')] * 2\n", "no finite number as the score of an answer to row"),
        ("def reward(answers):\n    return [1.0]\n", "reward.py gave 1 scores for 2 answers."),
        ("def reward(answers):\n    return ['good', 'bad']\n", "gave \"'good'\" as the score of an answer to row 7."),
        ("def reward(answers):\n    return None\n", "TypeError: 'NoneType' object is not iterable"),
        ("import os\ndef reward(answers):\n    os._exit(3)\n", "ended its process (exit code 3) at the answers"),
        ("def reward(answers):\n    raise SystemExit\n", "reward.py, line 2: SystemExit"),
        ("def reward(answers)\n    pass\n", "reward.py, line 1: expected ':'."),
        ("x = 1\ny = x.a\n", "reward.py, line 2: AttributeError"),
        ("import nowhere\n", "reward.py, line 1: ModuleNotFoundError: No module named 'nowhere'."),
        ("x = 1\n", "reward.py must have a function named reward."),
        ("def reward(text):\n    pass\n", "the function reward may ask for answers"),
        ("def reward(*args):\n    pass\n", "may ask for answers, expected, prompts, thinking, tokens, not"),
        ("class reward:\n    def __call__(self, answers):\n        return [1]\n", "reward is a class; make one of it"),
        ("reward = max\n", "reward.py: reward does not tell what it asks for"),
        ("reward = 3\n", "reward.py must have a function named reward."),
        ("def reward(answers):\n    return 1.0\n", "TypeError: 'float' object is not iterable"),
        ("def reward(answers):\n    return [input()]\n", "reward.py, line 2: EOFError"),
        ("async def reward(answers):\n    raise ValueError('no')\n", "reward.py, line 2: ValueError: no"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_sentence_and_costs_the_answers_their_score(
    tmp_path: Path, source: str, sentence: str
) -> None:
    result = score_with(tmp_path, source)
    assert sentence in result.problem and "\n" not in result.problem
    assert [v.total for v in result.scored_answers] == [None, None]
    assert all("length" in v.scores for v in result.scored_answers)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "def reward(answers):\n    return 1 / 0\n",
            "reward.py, Zeile 2: ZeroDivisionError: division by zero (bei einer Antwort zu Zeile 7).",
        ),
        ("def reward(answers):\n    return [1.0]\n", "reward.py gab 1 Wertungen für 2 Antworten."),
        ("x = 1\n", "reward.py braucht eine Funktion namens reward."),
        (
            "import os\ndef reward(answers):\n    os._exit(3)\n",
            "reward.py hat ihren Prozess beendet (Exit-Code 3) bei den Antworten zu den Zeilen 7, 8.",
        ),
    ],
)
def test_it_is_said_in_german_though_it_comes_from_another_process(tmp_path: Path, source: str, sentence: str) -> None:
    problem = score_with(tmp_path, source).problem
    language.use("de")
    try:
        assert language.tr(problem) == sentence
    finally:
        language.use("en")


@pytest.mark.parametrize("forged", ["3", '["{a}", {}]', '{"said": ["{a}", {"b": 1}]}', '{"said": 4}', "null"])
def test_what_a_file_writes_to_the_pipe_itself_is_text(forged: str) -> None:
    assert isinstance(read_sentence(json.loads(forged)), str)


def test_a_call_that_hangs_is_ended_and_the_next_one_starts_anew(tmp_path: Path) -> None:
    file = tmp_path / "reward.py"
    slow = "import time\ndef reward(answers):\n    time.sleep(60 * ('b' in answers))\n    return [1.0] * len(answers)\n"
    file.write_text(slow)
    with RewardScorer({"file": 1.0}, RewardSettings(file=str(file), seconds=0.5, allow_code=True)) as scorer:
        assert scorer(ANSWERS).problem == "reward.py took longer than 0.5 seconds at the answers to rows 7, 8."
        assert scorer(ANSWERS[:1]).scored_answers[0].total == 1.0
