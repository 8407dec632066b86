"""An option is declared once: a dataclass field that carries its help, range and choices.

The command line's flags, the window's forms, run.toml, the docs and the tests all read the same declaration. Unknown
names, wrong types and values out of range raise BadOption with one sentence.
"""

import dataclasses
import difflib
import functools
import math
import os
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import BadOption
from core.text.comma_list import split_list
from core.text.sentence import say

_KEY = "option"
_LARGEST = 2**63 - 1  # of whole numbers
_LONGEST_PATH, _LONGEST_NAME = 4096, 255  # characters of a path, bytes of a file's name


@dataclass(frozen=True)
class Option:
    """The declaration of one option."""

    name: str
    type: type  # bool, int, float, str, or tuple (of str)
    optional: bool  # None is allowed, and means that Hone decides; resolved.json says what was used
    default: Any
    help: str
    label: str
    flag: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    when: str  # advice: when to change it
    basic: bool  # whether it stands among the simple settings
    unset: str  # what None means, in words
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)  # choices as people read them

    def choice_label(self, choice: str) -> str:
        """The label of a choice in the window: "LoRA" for "lora"."""
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
    """A dataclass field that declares an option.

    default  its default value; None leaves the value to Hone
    help     one or two sentences: what it does
    low      smallest value allowed, inclusive
    high     largest value allowed, inclusive
    choices  the values allowed; any where it is empty
    flag     its name on the command line without dashes, where it differs from the field's name
    label    its name in the window, where it differs from the field's name
    when     advice: when to change it
    basic    whether it stands among the simple settings
    unset    what None means, in words
    labels   the choices as the window shows them; files and flags keep the choices themselves
    """
    declaration = dict(
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
    return dataclasses.field(default=default, metadata={_KEY: declaration})


def describe(cls: type) -> list[Option]:
    """The options of a dataclass, in order. Fields that are themselves sections of options are left out."""
    return list(_describe(cls))


@functools.cache  # the window asks at every keystroke, and a class does not change
def _describe(cls: type) -> tuple[Option, ...]:
    hints = typing.get_type_hints(cls)
    options = []
    for field in dataclasses.fields(cls):
        if _KEY not in field.metadata:
            continue
        declaration = dict(field.metadata[_KEY])
        kind, optional = _kind(hints[field.name])
        declaration["flag"] = "--" + (declaration["flag"] or field.name.replace("_", "-"))
        declaration["label"] = declaration["label"] or field.name.replace("_", " ").capitalize()
        options.append(Option(name=field.name, type=kind, optional=optional, default=field.default, **declaration))
    return tuple(options)


@functools.cache
def groups(cls: type) -> tuple[tuple[str, type], ...]:
    """(field name, dataclass) of each section of options inside a dataclass."""
    hints = typing.get_type_hints(cls)
    fields = [field.name for field in dataclasses.fields(cls)]
    return tuple((name, typing.cast(type, hints[name])) for name in fields if dataclasses.is_dataclass(hints[name]))


def build(cls: type, values: Mapping[str, Any], origin: str = "") -> Any:
    """An instance of a dataclass of options from plain values (a parsed TOML table, a form), each of them checked.

    Raises BadOption for an unknown name, a wrong type or a value out of range; `origin`, where the values come from,
    opens the sentence.
    """
    if not isinstance(values, Mapping):
        raise BadOption(
            say("{origin}expected a table of options, found {value}.", origin=_opening(origin), value=_show(values))
        )
    options = {o.name: o for o in describe(cls)}
    inner = dict(groups(cls))
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name in inner:
            fields[name] = build(inner[name], value, f"{origin}: [{name}]" if origin else f"[{name}]")
        elif name in options:
            fields[name] = check(options[name], value, origin)
        else:
            raise BadOption(
                say(
                    "{origin}there is no option {name}{nearest}.",
                    origin=_opening(origin),
                    name=_show(name),
                    nearest=_nearest(name, [*options, *inner]),
                )
            )
    return cls(**fields)


def check(o: Option, value: Any, origin: str = "") -> Any:
    """The value in the option's own type. Raises BadOption for one that is not allowed."""
    if value is None:
        if o.optional:
            return None
        raise BadOption(say("{origin}{name} needs a value.", origin=_opening(origin), name=o.name))
    value = _convert(o, value, origin)
    if o.choices and not isinstance(value, tuple) and value not in o.choices:
        choices = ", ".join(o.choices) + _nearest(str(value), o.choices)
        raise BadOption(
            say(
                "{origin}{name} is {value}, which is not one of {choices}.",
                origin=_opening(origin),
                name=o.name,
                value=_show(value),
                choices=choices,
            )
        )
    if o.low is not None and value < o.low:
        raise BadOption(
            say(
                "{origin}{name} is {value}, but must be at least {low:g}.",
                origin=_opening(origin),
                name=o.name,
                value=_show(value),
                low=o.low,
            )
        )
    if o.high is not None and value > o.high:
        raise BadOption(
            say(
                "{origin}{name} is {value}, but must be at most {high:g}.",
                origin=_opening(origin),
                name=o.name,
                value=_show(value),
                high=o.high,
            )
        )
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise BadOption(
            say(
                "{origin}{name} is {value}, but must be less than 2**63.",
                origin=_opening(origin),
                name=o.name,
                value=_show(value),
            )
        )
    return value


def check_path(name: str, path: str, origin: str = "") -> None:
    """Raise BadOption for a text, of one path a line, that names what no file or folder can be called."""
    for line in path.split("\n"):
        parts = line.split("/")
        if len(line) > _LONGEST_PATH or any(len(part.encode("utf-8", "replace")) > _LONGEST_NAME for part in parts):
            raise BadOption(
                say(
                    "{origin}{name} is too long to be a path: {path}.",
                    origin=_opening(origin),
                    name=name,
                    path=_show(path),
                )
            )
        if line.startswith("~") and os.path.expanduser(parts[0]) == parts[0]:
            raise BadOption(
                say(
                    "{origin}{name} begins with {start}, which is no home folder.",
                    origin=_opening(origin),
                    name=name,
                    start=_show(parts[0]),
                )
            )


def parse(o: Option, text: str, origin: str = "") -> Any:
    """The value that a text (a command-line argument, a form's field) stands for. Raises BadOption."""
    text = text.strip()
    if o.optional and text.lower() in ("", "none", "auto") and text.lower() not in o.choices:
        return None
    try:
        if o.type is int:
            return check(o, int(text), origin)
        if o.type is float:
            return check(o, float(text), origin)
    except ValueError:
        kind = say("a whole number") if o.type is int else say("a number")
        raise BadOption(
            say(
                "{origin}{name} is {value}, but must be {kind}.",
                origin=_opening(origin),
                name=o.name,
                value=_show(text),
                kind=kind,
            )
        ) from None
    if o.type is bool:
        values = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.lower() not in values:
            raise BadOption(
                say(
                    "{origin}{name} is {value}, but must be true or false.",
                    origin=_opening(origin),
                    name=o.name,
                    value=_show(text),
                )
            )
        return values[text.lower()]
    if o.type is tuple:
        return check(o, split_list(text), origin)
    return check(o, text, origin)


def _convert(o: Option, value: Any, origin: str) -> Any:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if o.type is bool and isinstance(value, bool):
        return value
    if o.type is int and (is_integer or (isinstance(value, float) and value.is_integer())):
        return int(value)
    if o.type is float and (is_integer or isinstance(value, float)):
        if abs(value) > sys.float_info.max or math.isnan(value):
            raise BadOption(
                say(
                    "{origin}{name} is {value}, but must be an ordinary number.",
                    origin=_opening(origin),
                    name=o.name,
                    value=_show(value),
                )
            )
        return float(value)
    if o.type is str and isinstance(value, str):
        return _plain_text(o, value, origin)
    if o.type is tuple and isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return tuple(_plain_text(o, v, origin) for v in value)
    words = {
        bool: say("true or false"),
        int: say("a whole number"),
        float: say("a number"),
        str: say("text"),
        tuple: say("a list of names"),
    }
    raise BadOption(
        say(
            "{origin}{name} is {value}, but must be {kind}.",
            origin=_opening(origin),
            name=o.name,
            value=_show(value),
            kind=words[o.type],
        )
    )


def _plain_text(o: Option, text: str, origin: str) -> str:
    """The text. Raises BadOption for characters that neither a path nor a file of text can hold."""
    odd = next((c for c in text if c == "\0" or "\ud800" <= c <= "\udfff"), None)
    if odd:
        raise BadOption(
            say(
                "{origin}{name} holds the character {odd!r}, which no text can.",
                origin=_opening(origin),
                name=o.name,
                odd=odd,
            )
        )
    return text


def _kind(hint: Any) -> tuple[type, bool]:
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [p for p in typing.get_args(hint) if p is not type(None)]
        optional = len(parts) < len(typing.get_args(hint))
        (hint,) = parts
    return (tuple if typing.get_origin(hint) is tuple else hint), optional


def _nearest(name: str, candidates: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name)[:_LONGEST_NAME], list(candidates), n=1)
    return say(" (did you mean {close!r}?)", close=close[0]) if close else ""


def _opening(origin: str) -> str:
    return f"{origin}: " if origin else ""


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of thousands of digits
        text = say("a number of thousands of digits") if isinstance(value, int) else say("a value nested too deeply")
    return text if len(text) <= 60 else text[:57] + "..."
