"""What the corpus is made of: phrasings, checks of answers, and the split that holds questions out."""

from random import Random

import pytest

from resources.make import checks, facts, tasks
from resources.make.expand import expand
from resources.make.items import held_out
from resources.make.phrasing import vary
from resources.make.tasks.long_sums import work
from resources.make.tasks.sums import steps


def test_expand_writes_every_combination_once() -> None:
    assert expand("How (are you|is life)(| today)?") == (
        "How are you?",
        "How are you today?",
        "How is life?",
        "How is life today?",
    )
    assert expand("a", "(a|b)") == ("a", "b")
    assert expand("no (choice) here") == ("no (choice) here",)


@pytest.mark.parametrize(
    ("rule", "expect", "right", "wrong"),
    [
        ("number", "42", "17 + 25 = 42.", "42 is not 43"),
        ("numbers", "3 5 9", "3, 5 and 9", "5, 3, 9"),
        ("word", "in the box", "It is in the box.", "It is in the boxes."),
        ("words", ("red", "blue"), "Blue, then red.", "Blue."),
        ("first", "no", "No, it is not.", "It is no."),
        ("order", "c a t", "c-a-t", "c-t-a"),
        ("exact", "fly path", "fly path", "fly path."),
        ("one_of", ("Hi!", "Hello!"), "Hello!", "Hello"),
        ("members", ("2", "cat", "dog", "owl"), "- cat\n- owl", "cat and cat"),
        ("story", ("fox",), "A fox sat. It ran. It fell. It slept.", "A fox sat."),
    ],
)
def test_a_rule_knows_right_from_wrong(rule: str, expect: str, right: str, wrong: str) -> None:
    assert checks.right(rule, expect, right)
    assert not checks.right(rule, expect, wrong)


def test_thinking_does_not_count_as_answer() -> None:
    assert checks.right("number", "5", "<think>\n2 + 2 = 4\n4 + 1 = 5\n</think>\n\nThe answer is 5.")
    assert not checks.right("number", "5", "<think>\n2 + 3 = 5")
    assert not checks.right("number", "4", "<think>\n2 + 2 = 4\n</think>\n\nThe answer is 5.")


def test_sums_are_worked_out_from_left_to_right() -> None:
    assert work([20, 15, 7], ["+", "-"]) == ("20 + 15 - 7", ["20 + 15 = 35", "35 - 7 = 28"], 28)
    assert steps(27, "+", 45) == "<think>\n27 + 40 = 67\n67 + 5 = 72\n</think>\n\nThe answer is 72."


@pytest.mark.parametrize("name", tasks.load())
def test_every_answer_of_a_kind_is_right_and_plain(name: str) -> None:
    """What the corpus teaches passes the very check the model is measured with."""
    rng = Random(7)
    for _ in range(150):
        item = tasks.load()[name].draw(rng)
        assert item.answers and item.prompt
        for answer in item.answers:
            assert checks.right(item.rule, item.expect, answer), (item.prompt, answer, item.expect)
            assert answer.isascii() and item.prompt.isascii() and not answer.endswith(" ")
            assert "{" not in item.prompt and ("{" not in answer or name == "styles")


def test_facts_read_as_sentences() -> None:
    capital = facts.load()["capital"]
    assert facts.fill("{a x} says {y}.", "owl", "hoot") == "An owl says hoot."
    assert facts.fill(capital.claim, "Peru", capital.table["Peru"]) == "Lima is the capital of Peru"
    assert [facts.article(w) for w in ("fox", "owl", "uniform")] == ["a ", "an ", "a "]


def test_a_key_lies_on_one_side_however_the_prompt_is_varied() -> None:
    rng = Random(3)
    for n in range(200):
        key = f"facts: Which colour is thing {n}?"
        assert held_out(key) == held_out(key.lower()) == held_out(key.rstrip("?"))
    share = sum(held_out(f"key {n}") for n in range(5000)) / 5000
    assert 0.08 < share < 0.12
    varied = {vary(rng, "What is the capital of Peru?") for _ in range(300)}
    assert "What is the capital of Peru?" in varied and len(varied) > 30
