"""Numbers are found and compared as a person would."""

import pytest

from core.rewards.numbers import find_result, parse_value, same_value

EQUAL_VALUES = [
    ("0.75", "3/4"),
    (r"\frac{3}{4}", "0.75"),
    (r"\dfrac12", "1/2"),
    ("50%", "0.5"),
    ("50%", "50"),
    ("50", "50%"),
    ("1,000", "1000"),
    ("1 234 567", "1234567"),
    ("1 234", "1234"),
    (r"2\sqrt{3}", "3.4641016"),
    (r"\frac{\sqrt{2}}{2}", "0.70710678"),
    ("12 apples", "12"),
    (r"12\text{ cm}", "12"),
    ("$12.00", "12"),
    ("1 1/2", "1.5"),
    ("2^{10}", "1024"),
    (r"2\pi", "6.283185307"),
    (r"90^\circ", "90"),
    ("x = 5", "5"),
    ("007", "7"),
    ("1.5e3", "1500"),
    ("−5", "-5"),
    ("3 × 4", "12"),
    ("Paris", " paris."),
    ("(1, 2)", "(1,2)"),
]
DIFFERENT_VALUES = [
    ("18", "81"),
    ("-5", "5"),
    ("0.33", "1/3"),
    ("10000000", "10000001"),
    ("1,5", "15"),
    ("50%", "5"),
    ("0.5", "50"),
    ("Paris", "London"),
    ("", ""),
    ("", "0"),
    ("9**9**9**9", "1"),
    ("1/0", "0"),
    ("__import__('os')", "1"),
    ("(" * 500 + "2", "1"),
]
RESULTS = [
    ("The answer is 42.", "42"),
    ("So 5 + 3 = 8", "8"),
    ("She earns 12.\n#### 1,234", "1,234"),
    (r"Thus \boxed{\frac{3}{4}}, not 7.", r"\frac{3}{4}"),
    ("it is 3/4", "3/4"),
    ("The answer is: 7 apples. That took 3 steps.", "7"),
    ("4 apples at $3 make $12.", "$12"),
    ("a debt: -3.5%", "-3.5%"),
    ("5-3 is 2", "2"),
    ("answer is **12**", "12"),
    ("It costs 1 1/2 dollars", "1 1/2"),
    ("I do not know", None),
    ("", None),
]


@pytest.mark.parametrize(("text_a", "text_b"), EQUAL_VALUES)
def test_these_are_the_same(text_a: str, text_b: str) -> None:
    assert same_value(text_a, text_b) and same_value(text_b, text_a)


@pytest.mark.parametrize(("text_a", "text_b"), DIFFERENT_VALUES)
def test_these_are_not(text_a: str, text_b: str) -> None:
    assert not same_value(text_a, text_b) and not same_value(text_b, text_a)


@pytest.mark.parametrize(("text", "number"), RESULTS)
def test_what_a_text_comes_to(text: str, number: str | None) -> None:
    assert find_result(text) == number


def test_values_beyond_any_float_are_compared_and_not_worked_out_forever() -> None:
    assert same_value("10^400", "10^400") and not same_value("10^400", "10^401")
    assert parse_value("7^99999999") is None
