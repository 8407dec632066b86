"""Values that options take, and what is said of those that they do not."""

import math
import re

import pytest

from core.errors import BadOption
from core.option_values import build, check, parse
from tests.core.test_options import OPTIONS, Inner, Sample


def refused(name: str, value: object, origin: str = "") -> str:
    with pytest.raises(BadOption) as error:
        check(OPTIONS[name], value, origin)
    return str(error.value)


def test_build_fills_in_defaults_and_converts() -> None:
    sample = build(Sample, {"count": 3.0, "rate": 1, "parts": ["a", "b"], "inner": {"depth": 5}})
    assert sample == Sample(count=3, rate=1.0, parts=("a", "b"), inner=Inner(5))
    assert type(sample.count) is int and type(sample.rate) is float


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"cuont": 3}, "there is no option 'cuont' (did you mean 'count'?)."),
        ({"zzz": 3}, "there is no option 'zzz'."),
        ({"inner": {"dept": 3}}, "[inner]: there is no option 'dept' (did you mean 'depth'?)."),
        ({"inner": 3}, "[inner]: expected a table of options, found 3."),
        ({"inner": {"depth": 9}}, "[inner]: depth is 9, but must be at most 8."),
    ],
)
def test_build_refuses(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadOption) as error:
        build(Sample, values)
    assert str(error.value) == sentence


def test_where_opens_the_sentence() -> None:
    with pytest.raises(BadOption, match=re.escape("run.toml: [inner]: depth is 0, but must be at least 1.")):
        build(Sample, {"inner": {"depth": 0}}, "run.toml")
    assert refused("count", 11, "run.toml") == "run.toml: count is 11, but must be at most 10."


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("count", "3", "count is '3', but must be a whole number."),
        ("count", 2.5, "count is 2.5, but must be a whole number."),
        ("count", True, "count is True, but must be a whole number."),
        ("rate", "fast", "rate is 'fast', but must be a number."),
        ("rate", False, "rate is False, but must be a number."),
        ("rate", math.nan, "rate is nan, but must be an ordinary number."),
        ("rate", math.inf, "rate is inf, but must be an ordinary number."),
        ("name", 3, "name is 3, but must be text."),
        ("on", 1, "on is 1, but must be true or false."),
        ("on", "yes", "on is 'yes', but must be true or false."),
        ("parts", "a", "parts is 'a', but must be a list of names."),
        ("parts", ["a", 1], "parts is ['a', 1], but must be a list of names."),
        ("count", None, "count needs a value."),
        ("count", 0, "count is 0, but must be at least 1."),
        ("rate", 1.5, "rate is 1.5, but must be at most 1."),
        ("limit", 0.25, "limit is 0.25, but must be at least 0.5."),
        ("kind", "herd", "kind is 'herd', which is not one of soft, hard (did you mean 'hard'?)."),
        ("kind", "xyz", "kind is 'xyz', which is not one of soft, hard."),
    ],
)
def test_check_refuses(name: str, value: object, sentence: str) -> None:
    assert refused(name, value) == sentence


def test_a_long_value_is_shown_short() -> None:
    sentence = refused("count", "x" * 500)
    assert sentence == f"count is '{'x' * 56}..., but must be a whole number."


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", 1), ("count", 10), ("rate", 0.0), ("rate", 1.0), ("kind", "hard"), ("parts", None), ("limit", None)],
)
def test_check_accepts_the_bounds_and_none(name: str, value: object) -> None:
    assert check(OPTIONS[name], value) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", " 3 ", 3),
        ("rate", "1e-5", 1e-5),
        ("rate", "1", 1.0),
        ("name", "a b", "a b"),
        ("name", "none", "none"),
        ("kind", "hard", "hard"),
        ("on", "Yes", True),
        ("on", "0", False),
        ("parts", "q_proj, v_proj,", ("q_proj", "v_proj")),
        ("parts", "auto", None),
        ("parts", "", None),
        ("limit", "None", None),
        ("limit", "AUTO", None),
        ("level", "auto", "auto"),
        ("level", "none", None),
    ],
)
def test_parse(name: str, text: str, value: object) -> None:
    assert parse(OPTIONS[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("count", "three", "--count: count is 'three', but must be a whole number."),
        ("count", "1.5", "--count: count is '1.5', but must be a whole number."),
        ("count", "auto", "--count: count is 'auto', but must be a whole number."),
        ("count", "99", "--count: count is 99, but must be at most 10."),
        ("rate", "", "--count: rate is '', but must be a number."),
        ("rate", "nan", "--count: rate is nan, but must be an ordinary number."),
        ("on", "maybe", "--count: on is 'maybe', but must be true or false."),
        ("kind", "Soft", "--count: kind is 'Soft', which is not one of soft, hard (did you mean 'soft'?)."),
    ],
)
def test_parse_refuses(name: str, text: str, sentence: str) -> None:
    with pytest.raises(BadOption) as error:
        parse(OPTIONS[name], text, "--count")
    assert str(error.value) == sentence
