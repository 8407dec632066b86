"""An option, said once: a dataclass field that carries its help, range and choices.

The command line's flags, the window's forms, run.toml, the docs and the tests all read the same
description. Unknown names, wrong types and values out of range raise BadOption with one sentence.
"""

import dataclasses
import difflib
import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import BadOption

_KEY = "option"


@dataclass(frozen=True)
class Option:
    """One option as every reader sees it."""

    name: str
    type: type  # bool, int, float, str, or tuple (of str)
    optional: bool  # None is allowed and means: decided by Hone, and told in resolved.json
    default: Any
    help: str
    label: str
    flag: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    when: str  # when a person would change it
    basic: bool  # shown among the simple settings
    unset: str  # what None means, in words
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)  # choices as people read them

    def shown(self, choice: str) -> str:
        """A choice as people read it: 'LoRA' for 'lora'."""
        return self.labels.get(choice, choice)


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    flag: str = "",
    label: str = "",
    when: str = "",
    basic: bool = False,
    unset: str = "automatic",
    labels: Mapping[str, str] | None = None,
) -> Any:
    """A dataclass field with everything there is to know about the option.

    `low` and `high` are inclusive. `flag` is the command-line name without dashes where it differs
    from the field's name. `unset` says in words what None (leave it to Hone) means. `labels` are the
    choices as people read them, for the window; files and flags keep the choices themselves.
    """
    about = dict(
        help=help,
        low=low,
        high=high,
        choices=tuple(choices),
        flag=flag,
        label=label,
        when=when,
        basic=basic,
        unset=unset,
        labels=dict(labels or {}),
    )
    return dataclasses.field(default=default, metadata={_KEY: about})


def describe(cls: type) -> list[Option]:
    """Every option of a dataclass, in order. Fields that are themselves groups of options are left out."""
    return list(_described(cls))


@functools.cache  # the window asks at every keystroke, and a class does not change
def _described(cls: type) -> tuple[Option, ...]:
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        if _KEY not in field.metadata:
            continue
        about = dict(field.metadata[_KEY])
        kind, optional = _kind(hints[field.name])
        about["flag"] = "--" + (about["flag"] or field.name.replace("_", "-"))
        about["label"] = about["label"] or field.name.replace("_", " ").capitalize()
        found.append(Option(name=field.name, type=kind, optional=optional, default=field.default, **about))
    return tuple(found)


@functools.cache
def groups(cls: type) -> tuple[tuple[str, type], ...]:
    """(field name, dataclass) of each group of options inside a dataclass."""
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    return tuple((name, typing.cast(type, hints[name])) for name in fields if dataclasses.is_dataclass(hints[name]))


def build(cls: type, values: Mapping[str, Any], where: str = "") -> Any:
    """An instance from plain values (a parsed TOML table, a form), every one of them checked.

    Raises BadOption for an unknown name, a wrong type or a value out of range; `where` opens the sentence.
    """
    if not isinstance(values, Mapping):
        raise BadOption(f"{_at(where)}expected a table of options, found {_show(values)}.")
    options = {o.name: o for o in describe(cls)}
    inner = dict(groups(cls))
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name in inner:
            made[name] = build(inner[name], value, f"{where}: [{name}]" if where else f"[{name}]")
        elif name in options:
            made[name] = check(options[name], value, where)
        else:
            raise BadOption(f"{_at(where)}there is no option {name!r}{_nearest(name, [*options, *inner])}.")
    return cls(**made)


def check(o: Option, value: Any, where: str = "") -> Any:
    """The value in the option's own type, or BadOption."""
    if value is None:
        if o.optional:
            return None
        raise BadOption(f"{_at(where)}{o.name} needs a value.")
    value = _convert(o, value, where)
    if o.choices and not isinstance(value, tuple) and value not in o.choices:
        known = ", ".join(o.choices) + _nearest(str(value), o.choices)
        raise BadOption(f"{_at(where)}{o.name} is {value!r}, which is not one of {known}.")
    if o.low is not None and value < o.low:
        raise BadOption(f"{_at(where)}{o.name} is {value}, but must be at least {o.low:g}.")
    if o.high is not None and value > o.high:
        raise BadOption(f"{_at(where)}{o.name} is {value}, but must be at most {o.high:g}.")
    return value


def parse(o: Option, text: str, where: str = "") -> Any:
    """The value meant by a piece of text (a command-line word, a form's field), or BadOption."""
    text = text.strip()
    if o.optional and text.lower() in ("", "none", "auto") and text.lower() not in o.choices:
        return None
    try:
        if o.type is int:
            return check(o, int(text), where)
        if o.type is float:
            return check(o, float(text), where)
    except ValueError:
        wanted = "a whole number" if o.type is int else "a number"
        raise BadOption(f"{_at(where)}{o.name} is {text!r}, but must be {wanted}.") from None
    if o.type is bool:
        known = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.lower() not in known:
            raise BadOption(f"{_at(where)}{o.name} is {text!r}, but must be true or false.")
        return known[text.lower()]
    if o.type is tuple:
        return check(o, tuple(part.strip() for part in text.split(",") if part.strip()), where)
    return check(o, text, where)


def _convert(o: Option, value: Any, where: str) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if o.type is bool and isinstance(value, bool):
        return value
    if o.type is int and (whole or (isinstance(value, float) and value.is_integer())):
        return int(value)
    if o.type is float and (whole or isinstance(value, float)):
        if not math.isfinite(value):
            raise BadOption(f"{_at(where)}{o.name} is {value}, but must be an ordinary number.")
        return float(value)
    if o.type is str and isinstance(value, str):
        return value
    if o.type is tuple and isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(value)
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "a list of names"}
    raise BadOption(f"{_at(where)}{o.name} is {_show(value)}, but must be {words[o.type]}.")


def _kind(hint: Any) -> tuple[type, bool]:
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [p for p in typing.get_args(hint) if p is not type(None)]
        optional = len(parts) < len(typing.get_args(hint))
        (hint,) = parts
    return (tuple if typing.get_origin(hint) is tuple else hint), optional


def _nearest(name: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _at(where: str) -> str:
    return f"{where}: " if where else ""


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
