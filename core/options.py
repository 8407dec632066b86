"""An option is declared once: a dataclass field that carries its help, range and choices.

The command line's flags, the window's forms, run.toml, the docs and the tests all read the same declaration. Unknown
names, wrong types and values out of range are refused: see core.option_values.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEY = "option"


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


def _kind(hint: Any) -> tuple[type, bool]:
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        parts = [p for p in typing.get_args(hint) if p is not type(None)]
        optional = len(parts) < len(typing.get_args(hint))
        (hint,) = parts
    return (tuple if typing.get_origin(hint) is tuple else hint), optional
