"""Options: every rule with the exact sentence a person reads when it is broken."""

import dataclasses
import math
import re
from dataclasses import dataclass, field

import pytest

from core import methods
from core.errors import BadOption
from core.options import Option, build, check, describe, groups, option, parse
from core.run import Run, list_options


@dataclass(frozen=True)
class Inner:
    depth: int = option(2, "How deep.", low=1, high=8)


@dataclass(frozen=True)
class Sample:
    count: int = option(4, "How many.", low=1, high=10)
    rate: float = option(0.1, "How fast.", low=0.0, high=1.0, flag="speed", label="Speed")
    name: str = option("plain", "What it is called.")
    kind: str = option("soft", "Which sort.", choices=("soft", "hard"), basic=True)
    on: bool = option(True, "Whether at all.")
    parts: tuple[str, ...] | None = option(None, "Which parts.", unset="all")
    limit: float | None = option(None, "Where to stop.", low=0.5, when="Rarely.")
    level: str | None = option("auto", "Strength.", choices=("auto", "low"))
    inner: Inner = field(default_factory=Inner)


OPTIONS = {o.name: o for o in describe(Sample)}


def refused(name: str, value: object, origin: str = "") -> str:
    with pytest.raises(BadOption) as error:
        check(OPTIONS[name], value, origin)
    return str(error.value)


def test_describe_tells_everything_in_order() -> None:
    assert list(OPTIONS) == ["count", "rate", "name", "kind", "on", "parts", "limit", "level"]
    assert OPTIONS["rate"] == Option(
        name="rate",
        type=float,
        optional=False,
        default=0.1,
        help="How fast.",
        label="Speed",
        flag="--speed",
        low=0.0,
        high=1.0,
        choices=(),
        when="",
        basic=False,
        unset="automatic",
    )
    assert (OPTIONS["parts"].type, OPTIONS["parts"].optional, OPTIONS["parts"].unset) == (tuple, True, "all")
    assert (OPTIONS["limit"].type, OPTIONS["limit"].optional, OPTIONS["limit"].when) == (float, True, "Rarely.")
    assert (OPTIONS["count"].flag, OPTIONS["count"].label, OPTIONS["kind"].basic) == ("--count", "Count", True)


def test_a_choice_is_shown_by_its_label() -> None:
    @dataclass(frozen=True)
    class Labelled:
        kind: str = option("soft", "Which sort.", choices=("soft", "hard"), labels={"soft": "Quite soft"})

    (kind,) = describe(Labelled)
    assert (kind.choice_label("soft"), kind.choice_label("hard")) == ("Quite soft", "hard")


def test_groups_are_the_dataclasses_inside() -> None:
    assert list(groups(Sample)) == [("inner", Inner)]


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


# What holds for every option of every method, without an edit here when one is added.

ALL_OPTIONS: list[tuple[str, str, Option]] = []  # one that several methods have alike is here once
for _method in methods.load():
    _listed_options = [(key, o) for _, key, o in ALL_OPTIONS]
    ALL_OPTIONS += [(_method, key, o) for key, o in list_options(_method) if (key, o) not in _listed_options]
for_all_options = pytest.mark.parametrize(
    ("key", "o"), [(k, o) for _, k, o in ALL_OPTIONS], ids=[f"{m}-{k}" for m, k, _ in ALL_OPTIONS]
)


@for_all_options
def test_option_refuses_what_is_outside(key: str, o: Option) -> None:
    outside: list[object] = [object()]
    step = 1 if o.type is int else 1e-3
    if o.low is not None:
        assert check(o, o.type(o.low)) == o.low
        outside.append(o.type(o.low - step))
    if o.high is not None:
        assert check(o, o.type(o.high)) == o.high
        outside.append(o.type(o.high + step))
    if o.choices:
        assert all(check(o, choice) == choice for choice in o.choices)
        outside.append("no such choice")
    for value in outside:
        with pytest.raises(BadOption, match=f"^{o.name} is .* must be|^{o.name} is .* not one of"):
            check(o, value)


@for_all_options
def test_option_default_is_allowed(key: str, o: Option) -> None:
    assert check(o, o.default) == o.default


@for_all_options
def test_option_speaks_to_people(key: str, o: Option) -> None:
    assert o.label and o.label[0].isupper() and not o.label.endswith(".")
    assert o.help[0].isupper() and o.help.endswith(".")
    assert not o.when or o.when.endswith(".")
    assert o.unset
    assert re.fullmatch(r"--[a-z0-9]+(-[a-z0-9]+)*", o.flag)


@for_all_options
def test_labels_name_every_choice_or_none(key: str, o: Option) -> None:
    assert not o.labels or set(o.choices) <= set(o.labels)
    assert len(set(o.labels.values())) == len(o.labels)


@pytest.mark.parametrize("method", methods.load())
def test_flags_and_labels_are_unique(method: str) -> None:
    options = [o for _, o in list_options(method)]
    for names in ([o.flag for o in options], [o.label for o in options]):
        assert sorted(names) == sorted(set(names))


def test_groups_of_a_run_are_frozen() -> None:
    for _, cls in groups(Run):
        first = dataclasses.fields(cls)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(cls(), first, None)
