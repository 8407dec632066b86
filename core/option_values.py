"""Values for options: each is checked by its declaration (core.options), whether it comes from a file, a form or the
command line. What is not allowed raises BadOption with one sentence."""

import difflib
import math
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import BadOption
from core.options import Option, describe, groups
from core.text.comma_list import split_list
from core.text.sentence import say

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_LARGEST = 2**63 - 1  # of whole numbers
_LONGEST_PATH, _LONGEST_NAME = 4096, 255  # characters of a path, bytes of a file's name


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
                    nearest=_ask_for_nearest(name, [*options, *inner]),
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
        choices = ", ".join(o.choices) + _ask_for_nearest(str(value), o.choices)
        raise BadOption(
            say(
                "{origin}{name} is {value}, which is not one of {choices}.", **_parts(o, value, origin), choices=choices
            )
        )
    if o.low is not None and value < o.low:
        raise BadOption(
            say("{origin}{name} is {value}, but must be at least {low:g}.", **_parts(o, value, origin), low=o.low)
        )
    if o.high is not None and value > o.high:
        raise BadOption(
            say("{origin}{name} is {value}, but must be at most {high:g}.", **_parts(o, value, origin), high=o.high)
        )
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise BadOption(say("{origin}{name} is {value}, but must be less than 2**63.", **_parts(o, value, origin)))
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
            say("{origin}{name} is {value}, but must be {kind}.", **_parts(o, text, origin), kind=kind)
        ) from None
    if o.type is bool:
        values = {word: True for word in _TRUE} | {word: False for word in _FALSE}
        if text.lower() not in values:
            raise BadOption(say("{origin}{name} is {value}, but must be true or false.", **_parts(o, text, origin)))
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
                say("{origin}{name} is {value}, but must be an ordinary number.", **_parts(o, value, origin))
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
        say("{origin}{name} is {value}, but must be {kind}.", **_parts(o, value, origin), kind=words[o.type])
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


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The candidate that is spelled most like a name; "" where none is near."""
    return next(iter(difflib.get_close_matches(str(name)[:_LONGEST_NAME], list(candidates), n=1)), "")


def _ask_for_nearest(name: str, candidates: Iterable[str]) -> str:
    close = nearest(name, candidates)
    return say(" (did you mean {close!r}?)", close=close) if close else ""


def _opening(origin: str) -> str:
    return f"{origin}: " if origin else ""


def _parts(o: Option, value: Any, origin: str) -> dict[str, str]:
    """What each sentence about a value begins with."""
    return {"origin": _opening(origin), "name": o.name, "value": _show(value)}


def _show(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of thousands of digits
        text = say("a number of thousands of digits") if isinstance(value, int) else say("a value nested too deeply")
    return text if len(text) <= 60 else text[:57] + "..."
