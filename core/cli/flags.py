"""Options as flags of a command: made from their declarations, and their values checked."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.options import Option, parse


def add_flag(command: argparse._ActionsContainer, prefix: str, key: str, o: Option) -> None:
    """An option as a flag; its value comes under "PREFIX:" and its key."""
    help_text = o.help.replace("%", "%%")
    default = o.unset if o.default is None else ("on" if o.default else "off") if o.type is bool else o.default
    if o.type is tuple:
        default = ",".join(o.default) if o.default else "none" if prefix == "where" else default
    help_text += f" Default: {default}.".replace("%", "%%")
    if o.type is bool:
        command.add_argument(
            o.flag,
            dest=f"{prefix}:{key}",
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=help_text,
        )
        return
    metavar = "{" + ",".join(o.choices) + "}" if o.choices else {int: "N", float: "X"}.get(o.type, "TEXT")
    command.add_argument(o.flag, dest=f"{prefix}:{key}", default=argparse.SUPPRESS, metavar=metavar, help=help_text)


def parse_flags(args: Any, prefix: str, options: Mapping[str, Option]) -> dict[str, Any]:
    """The options of a prefix on the command line, checked, by their key."""
    values = {}
    for name, value in vars(args).items():
        kind, _, key = name.partition(":")
        if kind == prefix:
            o = replace(options[key], name=options[key].flag)
            values[key] = value if o.type is bool else parse(o, value)
    return values
