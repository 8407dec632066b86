"""Verdicts of the built-in rewards on answers as models write them and results as datasets have them."""

import time
import warnings

import pytest

from core.rewards import REWARDS, Answer, RewardSettings

RIGHT = [
    # commas and points of several languages
    *[(text, "1000") for text in ("1,000", "1 000", "1'000", "1\u202f000", "1{,}000", r"1\,000", r"1\ 000", "1~000", "1.000")],
    *[(text, "12.5") for text in ("12,5", "12{,}5", "Das Ergebnis ist 12,5 kg.", "12,50", "12½", r"12\frac{1}{2}")],
    *[(text, "1234567") for text in ("1.234.567", "12,34,567", "1,234,567")],
    ("1.250,00 €", "1250"), ("Die Antwort ist 1.250 €.", "1250"), ("1250", "1.250"), ("1,250", "1.250"), ("1.5", "1,5"),
    ("3.142", "3,142"), ("0,5", "0.5"), ("0.125", "0,125"),
    # signs and words
    ("minus 3", "-3"), ("−3", "-3"), ("10-3", "7"), ("x = -3", "-3"), ("¾", "0.75"), ("1½", "1.5"), ("10³", "1000"), ("x²", "x^2"),
    (r"\frac34", "0.75"), (r"1\frac{1}{2}", "1.5"), (r"\frac{1}{2}\sqrt{2}", r"\frac{\sqrt{2}}{2}"), ("10^3", "1000"), ("2**10", "1024"),
    ("1.5 x 10^3", "1500"), ("1.5×10³", "1500"), (r"1.5 \times 10^3", "1500"), (r"2\pi", "2π"), (r"\sqrt{8}", r"2\sqrt{2}"), ("0.1+0.2", "0.3"),
    ("It takes 10^3 steps.", "1000"), ("1.5 million", "1500000"), ("$1.2 billion", "1200000000"), ("3 Mio.", "3000000"), ("100", "1 hundred"),
    ("∞", r"\infty"), ("5%", "0.05"), ("500%", "5"), ("±5", r"\pm 5"),
    # units
    ("5 km", "5000 m"), ("5 kg", "5"), ("2 hours", "120 minutes"), ("12 eggs", "12"), (r"\boxed{42\,\mathrm{cm}^2}", "42"), ("$12", "12 dollars"),
    # marked results
    ("<answer>4</answer> I checked 3 times.", "4"), ("<answer>B</answer>", "B"), (r"\fbox{4}", "4"), (r"\boxed{\text{B}}", "B"),
    # dates
    ("The date is 2024-03-14.", "2024-03-14"), ("14.03.2024", "14.3.2024"), ("14.03.2024", "2024-03-14"), ("03/14/2024", "3/14/2024"),
    ("3:30", "3:30"),
    # letters and words
    *[(text, "B") for text in ("B", "(B)", "B.", "B. Paris", "B) Paris", "**B**", "Option B", "The answer is B.", "The answer is (B).",
                               "Answer: B", "**Answer:** B", "Die Antwort ist B.", "The answer is B because of A.", r"\text{B}")],
    ("The answer is yes.", "Yes"), ("The answer is **Paris**.", "paris"), (r"\text{Paris}", "Paris"), ("“Paris”", "Paris"), ("cafe\u0301", "café"),
    (r"\frac{a}{b}", "a/b"),
]  # fmt: skip
WRONG = [
    ("12,5", "125"), ("1,5", "15"), ("1.25", "125"), ("0.125", "125"), ("1.000", "10"), ("1,000", "10"), ("1.250", "1251"),
    ("±5", "5"), (r"\pm 5", "5"), ("x+1", "1+x"), ("2x", "2"), ("12x", "1"), ("1011_{2}", "1011"), ("1011_2", "1011"), ("1½", "0.5"), ("10³", "10"), ("5 million", "5"),
    ("5 km", "5 m"), ("5 kg", "5 g"), ("5 m", "5 s"), ("$5", "€5"), ("5 hours", "5 minutes"), (r"\boxed{42\,\mathrm{cm}^2}", "1764"),
    ("2024-03-14", "2007"), ("2024-03-14", "2024-03-15"), ("03/14/2024", "03/15/2024"), ("14.03.2024", "14032024"), ("3:30", "330"),
    *[(text, "B") for text in ("A", "A or B", "The answer is A, not B.", "(A)", "Beautiful", "A. Bern", "B or C", "AB")],
    ("A dog", "A"), ("not Paris", "Paris"), ("no", "yes"), ("The answer is no.", "yes"), ("<answer>5</answer> or 4", "4"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), RIGHT)
def test_right(text: str, expected: str) -> None:
    score = REWARDS["numeric"].score
    assert score is not None
    verdict = score(Answer(text, expected), RewardSettings())
    assert verdict.value == 1, verdict.reason


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong(text: str, expected: str) -> None:
    score = REWARDS["numeric"].score
    assert score is not None
    verdict = score(Answer(text, expected), RewardSettings())
    assert verdict.value == 0, verdict.reason


@pytest.mark.parametrize(
    "piece",
    [
        "the answer is ",
        "1,",
        "1 000 ",
        "1/2/",
        "answer:",
        r"\sqrt{",
        "<answer>",
        "2^",
        "minus ",
        "2024-",
        r"1\frac{1}{2}",
    ],
)
@pytest.mark.parametrize("expected", ["12", "B", "2024-03-14"])
def test_an_answer_that_repeats_itself_is_judged_at_once(piece: str, expected: str) -> None:
    score = REWARDS["numeric"].score
    assert score is not None
    start = time.process_time()
    score(Answer(piece * 4000, expected), RewardSettings())
    assert time.process_time() - start < 2


@pytest.mark.parametrize("text", ["1and 2", "0x1F", "1_000_", "5if", "2.e", "1e", "3or"])
def test_nothing_is_said_on_the_terminal(text: str) -> None:
    score = REWARDS["numeric"].score
    assert score is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score(Answer(text, "12"), RewardSettings())
        score(Answer("12", text), RewardSettings())


def test_letters_of_two_characters_and_characters_of_no_width_are_exact() -> None:
    score = REWARDS["exact"].score
    assert score is not None
    assert score(Answer("cafe\u0301\u200b", "café"), RewardSettings()).value == 1


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": Infinity}', "[-Infinity]"])
def test_numbers_that_are_none_of_jsons(text: str) -> None:
    score = REWARDS["json"].score
    assert score is not None
    verdict = score(Answer(text), RewardSettings())
    assert verdict.value == 0 and "is no value of JSON" in verdict.reason
