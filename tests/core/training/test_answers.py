"""Sample answers that are of no use, made by hand, and what the verdict makes of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.events import Finished, Sample, from_json, to_json
from core.run import Run
from core.run.folder import REPORT
from core.train import train
from core.training.answers import find_caveat, is_repetitive
from core.training.verdict import tone, verdict
from tests.core.conftest import only

LOOPS = (
    "The the the",
    "the The the the the",
    "I am a cat. I am a cat. I am a cat. I am",
    "Yes, I can. Well: so it is so it is so it is so it is so it is",
    "\n".join(["- item"] * 9),
    "的的的的的的的的的的的的",
    "a b a a b b a b a b b b a a b a b a b b a a b b a a",
)
GOOD = (
    "",
    "Paris.",
    "It is very, very, very good and I like it.",
    "The cat sat on the mat, and the dog sat on the rug.",
    "2, 4, 6, 8, 10, 12",
    '{"name": "Ada", "age": 36, "tags": ["a", "b"]}',
    "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b",
    "我喜欢在公园里散步，因为那里很安静。",
    "Wait, no. " + "A list of ways to cook an egg: boiled, fried, poached, scrambled, baked, raw.",
)


@pytest.mark.parametrize("text", LOOPS)
def test_loops(text: str) -> None:
    assert is_repetitive(text)


@pytest.mark.parametrize("text", GOOD)
def test_answers_that_are_none(text: str) -> None:
    assert not is_repetitive(text)


def samples(*answers: str, expected: str = "Paris is the capital.", cut: bool = False) -> list[Sample]:
    return [Sample(9, "after", i, "Q", answer, expected, cut) for i, answer in enumerate(answers)]


FINE = samples("Paris is it.", "In Paris.", "It is Paris.")
DONE = Finished("done", 9, "", 1.0, loss_before=3.0, loss_after=1.5, best_step=9, eval_rows=9)


def caveat(after: list[Sample], *, before: list[Sample] = FINE, parameters: int = 10**9, loss: float = 1.5) -> str:
    return find_caveat(replace(DONE, loss_after=loss), before, after, parameters, is_text_loss=True)


def test_loops_are_told_with_one_of_them_and_what_to_try() -> None:
    after = samples("The the the", "Paris.", "the the the the the the the the the")
    assert caveat(after) == (
        "But 2 of 3 sample answers only repeat themselves (“The the the”). Before training that was not so: try a "
        "lower learning rate or fewer epochs."
    )
    assert caveat(after, before=after).endswith("It was so before training too: look at the rows, and at the model "
                                                "that was chosen.")  # fmt: skip
    assert caveat(after, parameters=1_500_000).endswith(
        "A model of 1.5 million parameters is too small to write freely: take a larger one."
    )


def test_empty_and_endless_answers() -> None:
    assert caveat(samples("", "Paris.", "")).startswith("But 2 of 3 sample answers are empty. ")
    assert caveat(samples("")).startswith("But the sample answer is empty. ")
    endless = "Paris is a city on the river Seine, and a river is water that flows down from"
    assert caveat(samples(endless, cut=True)).startswith(
        "But the sample answer does not come to an end (“Paris is a city on the…”)."
    )
    # One that is cut while it is no longer than the data's has not been given room enough.
    assert caveat(samples(endless, expected=endless + " the hills.", cut=True)) == ""
    assert caveat(samples(endless, expected="", cut=True)) == ""


def test_what_is_no_fault() -> None:
    assert caveat(FINE) == ""
    assert caveat(samples("the the the", *["Paris."] * 7)) == ""  # one of eight
    assert caveat(samples("ha ha ha ha", expected="ha ha ha")) == ""  # as in the data
    assert caveat([]) == ""
    assert caveat(FINE, parameters=1_500_000) == ""  # a small model that does well


def test_a_loss_far_from_any_use() -> None:
    assert caveat(FINE, loss=6.21, parameters=1_500_000) == (
        "But the right next token still gets a chance of 1 in 498. A model of 1.5 million parameters is too small to "
        "write freely: take a larger one."
    )
    assert caveat(FINE, loss=6.21).endswith("Train for longer, or choose a model that knows this language.")
    preference = find_caveat(replace(DONE, loss_after=6.21), FINE, FINE, 1_500_000, is_text_loss=False)
    assert preference == ""


def test_the_verdict_says_it_and_is_no_longer_green() -> None:
    run, words = Run(), caveat(samples("The the the"))
    assert tone(run, DONE) == "good"
    finished = replace(DONE, caveat=words)
    assert verdict(run, finished, {}) == f"Better on unseen examples: 3.00 → 1.50. {words}"
    assert tone(run, finished) == "warn"
    assert tone(run, replace(DONE, loss_after=3.0)) == "info"
    assert tone(run, replace(DONE, loss_after=4.0)) == "warn"
    assert tone(run, replace(DONE, reason="failed")) == "bad"
    assert from_json(to_json(finished)) == finished


def test_a_run_weighs_its_own_answers(make_run: Callable[..., Run]) -> None:
    """A model of random weights gets better by its loss, and writes nothing of use: log and report.md say both."""
    run = make_run(train={"samples": 2, "sample_tokens": 64, "steps": 30})
    events = list(train(run))
    finished = only(Finished, events)[0]
    assert finished.message.startswith("Better on unseen examples")
    assert finished.caveat and finished.message.endswith(finished.caveat)
    assert "is too small to write freely" in finished.caveat
    assert tone(run, finished) == "warn"
    assert finished.message in (Path(str(run.output)) / REPORT).read_text(encoding="utf-8")
    assert any(e.cut for e in only(Sample, events)) or any(not e.answer for e in only(Sample, events))
