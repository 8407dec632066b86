"""Options as flags of a command: made from their declarations, and their values checked."""

import argparse
import functools
from collections.abc import Mapping
from dataclasses import make_dataclass, replace
from typing import Any

from core.option_values import parse
from core.options import Option, describe, option
from core.text.comma_list import join_list


def add_flag(command: argparse._ActionsContainer, prefix: str, key: str, o: Option) -> None:
    """An option as a flag; its value comes under "PREFIX:" and its key."""
    help_text = o.help.replace("%", "%%")
    help_text += f" Default: {_show_default(o)}.".replace("%", "%%")
    if o.type is bool:
        command.add_argument(
            o.flag,
            dest=f"{prefix}:{key}",
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=help_text,
        )
        return
    command.add_argument(
        o.flag,
        dest=f"{prefix}:{key}",
        action=_AddEntries if o.type is tuple else "store",
        default=argparse.SUPPRESS,
        metavar=name_value(o),
        help=help_text,
    )


def add_number(
    command: argparse._ActionsContainer, flag: str, default: float, help: str, *, low: float, high: float = 10_000_000
) -> None:
    """A flag that takes a number from `low` to `high`, a whole one where `default` is. Anything else is refused as an
    option's value is."""
    name = flag.removeprefix("--").replace("-", "_")
    (o,) = describe(make_dataclass("Flag", [(name, type(default), option(default, help, low=low, high=high))]))
    o = replace(o, name=o.flag)
    command.add_argument(
        flag,
        type=functools.partial(parse, o),
        default=default,
        metavar=name_value(o),
        help=f"{help} Default: {default:g}.",
    )


class _AddEntries(argparse.Action):
    """The entries of a list, behind those of the same flag before: of two, none is lost."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        earlier = getattr(namespace, self.dest, "")
        setattr(namespace, self.dest, f"{earlier},{values}" if earlier else values)


def name_value(o: Option) -> str:
    """What stands for an option's value in the help: "N", or the choices."""
    return "{" + ",".join(o.choices) + "}" if o.choices else {int: "N", float: "X"}.get(o.type, "TEXT")


def _show_default(o: Option) -> str:
    """An option's default in words, as one would write it on the command line."""
    if o.default is None:
        return o.unset
    if o.type is bool:
        return "on" if o.default else "off"
    text = join_list(o.default) if o.type is tuple else str(o.default)
    return text or "none"


def parse_flags(args: Any, prefix: str, options: Mapping[str, Option]) -> dict[str, Any]:
    """The options of a prefix on the command line, checked, by their key."""
    values = {}
    for name, value in vars(args).items():
        kind, _, key = name.partition(":")
        if kind == prefix:
            o = replace(options[key], name=options[key].flag)
            values[key] = value if o.type is bool else parse(o, value)
    return values
