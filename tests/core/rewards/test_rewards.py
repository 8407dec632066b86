"""Each reward by hand, several together, and what they are asked for wrongly."""

import pytest

from core.errors import BadOption
from core.rewards import REASONING_WEIGHTS, REWARDS, Answer, RewardSettings, parse_weights
from core.rewards.judge import RewardScorer, score_answers

THINKING_ANSWER = "<think>\n19 + 5 = 24\n</think>\n\nThe answer is 24."


def score(
    name: str,
    text: str,
    expected: str = "",
    tokens: int = 0,
    truncated: bool = False,
    thinking_opened: bool = False,
    **settings: object,
) -> float:
    reward = REWARDS[name]
    assert reward.score is not None
    return reward.score(
        Answer(text, expected, tokens=tokens, truncated=truncated, thinking_opened=thinking_opened),
        RewardSettings(**settings),
    ).value  # type: ignore[arg-type]


def test_every_reward_says_what_it_checks() -> None:
    for reward in REWARDS.values():
        assert reward.title and reward.sentence.endswith(".")


def test_thinking_does_not_count_as_the_answer() -> None:
    assert Answer(THINKING_ANSWER).visible == "The answer is 24."
    assert Answer("19 + 5 = 24\n</think>\n24", thinking_opened=True).visible == "24"  # the template opened the thought
    assert Answer("still at 24", thinking_opened=True).visible == ""
    assert Answer("<think>\nstill at 24").visible == ""
    assert score("numeric", THINKING_ANSWER, "24") == 1 and score("numeric", "<think>24", "24") == 0


def test_exact() -> None:
    assert score("exact", " New  York\n", "New York") == 1
    assert score("exact", "new york", "New York") == 0


def test_regex() -> None:
    assert score("regex", "It is 12.", pattern=r"\b\d\d\.$") == 1
    assert score("regex", "It is 1.", pattern=r"\b\d\d\.$") == 0


def test_length_falls_from_the_aim_to_twice_of_it() -> None:
    values = [score("length", "", tokens=n, length=100) for n in (1, 100, 150, 200, 900)]
    assert values == [1, 1, 0.5, 0, 0]
    assert score("length", "", tokens=50, length=100, truncated=True) == 0


def test_json() -> None:
    assert score("json", '{"a": [1]}') == 1 and score("json", "```json\n[1]\n```") == 0.5
    for text in ("", "12", "{", "Here: {}", '{"a": NaN} x', "[" * 100_000):
        assert score("json", text) == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (THINKING_ANSWER, 1),
        ("19 + 5\n</think>\n24", 0),
        ("<think>a</think>", 0.5),
        ("24", 0),
        ("<think>24", 0),
        ("<think></think>24", 0),
        ("24 <think>a</think> 24", 0),
        ("<think>a</think><think>b</think>24", 0),
    ],
)
def test_thinking_format(text: str, value: float) -> None:
    assert score("format", text) == value


def test_a_thought_that_the_template_opens() -> None:
    assert score("format", "19 + 5\n</think>\n24", thinking_opened=True) == 1
    assert score("format", THINKING_ANSWER, thinking_opened=True) == 0


def test_tags() -> None:
    text = "<plan>a</plan> </code><code>"
    assert score("tags", text, tags=("plan",)) == 1
    assert score("tags", text, tags=("plan", "code")) == 0.5


def test_several_add_up_by_weight() -> None:
    result = score_answers({"numeric": 2.0, "length": -0.5}, RewardSettings(length=10), [Answer("5", "5", tokens=15)])
    (scored,) = result.scored_answers
    assert scored.total == pytest.approx(2.0 - 0.25)
    assert {name: s.value for name, s in scored.scores.items()} == {"numeric": 1.0, "length": 0.5}
    assert scored.scores["numeric"].reason == "5 is right" and result.problem == ""


def test_with_the_reasoning_rewards_a_right_answer_beats_every_wrong_one() -> None:
    settings = RewardSettings(length=10)
    wrong = Answer("<think>a</think>7", "24", tokens=5)
    right = Answer("24", "24", tokens=500, truncated=True)
    first, second = score_answers(REASONING_WEIGHTS, settings, [wrong, right]).scored_answers
    assert first.total is not None and second.total is not None and second.total > first.total + 0.5


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (("numerik",), "There is no reward 'numerik'"),
        (("numeric=x",), "must be a number"),
        (("numeric=0",), "not 0"),
        (("numeric=nan",), "between -1000 and 1000"),
        (("numeric", "numeric=2"), "named twice"),
        ((), "at least one"),
    ],
)
def test_weights_that_make_no_sense(entries: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadOption, match=sentence):
        parse_weights(entries)


@pytest.mark.parametrize(
    ("weights", "settings", "sentence"),
    [
        ({"regex": 1.0}, RewardSettings(), "needs --reward-pattern"),
        ({"regex": 1.0}, RewardSettings(pattern="("), "no regular expression"),
        ({"tags": 1.0}, RewardSettings(), "needs --reward-tags"),
        ({"file": 1.0}, RewardSettings(), "needs --reward-file"),
        ({"file": 1.0}, RewardSettings(file="/nowhere/r.py"), "no reward file"),
        ({"exact": 1.0}, RewardSettings(pattern="a"), "does nothing without the reward 'regex'"),
    ],
)
def test_what_a_reward_lacks(weights: dict[str, float], settings: RewardSettings, sentence: str) -> None:
    with pytest.raises(BadOption, match=sentence):
        RewardScorer(weights, settings)


def test_weights_as_they_are_written() -> None:
    assert parse_weights(("numeric=1", "format = 0.2", "length")) == {"numeric": 1.0, "format": 0.2, "length": 1.0}
