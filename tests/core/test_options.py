"""Options: every rule with the exact sentence a person reads when it is broken."""

import dataclasses
import re
from dataclasses import dataclass, field

import pytest

from core import methods
from core.errors import BadOption
from core.option_values import check
from core.options import Option, describe, groups, option
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
