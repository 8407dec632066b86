"""The commands. Each is a file with add(subparsers); a command gets its arguments and `out`, which prints.

Flags are made from the options (core.options), so an option is declared once.
"""

import argparse
import errno
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from core import __version__, methods
from core.cli.other_names import nearest_command, nearest_flag
from core.errors import BadOption
from core.option_values import check_path
from core.text.sentence import say

Print = Callable[..., None]

# Where the parsed arguments hold a file or a folder.
_PATHS = ("file", "config", "resume", "output", "model", "adapter_path", "dataset")


class OutputClosed(Exception):
    """What the command prints cannot be written any more."""

    def __init__(self, error: OSError) -> None:
        super().__init__(say("The output cannot be written: {reason}.", reason=error))
        self.reader_has_gone = error.errno in (errno.EPIPE, errno.EIO)  # another program, or a terminal


class Parser(argparse.ArgumentParser):
    """argparse, with its complaints as one sentence that a person can act on."""

    commands: Mapping[str, argparse.ArgumentParser] = MappingProxyType({})

    def error(self, message: str) -> NoReturn:
        raise BadOption(
            f"{message[:1].upper()}{message[1:]}{'' if message.endswith('.') else '.'} See `{self.prog} --help`."
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        first = args[0] if args else "-"
        if not first.startswith("-") and first not in self.commands:
            raise BadOption(f"There is no command {first!r}{nearest_command(first, self.commands)}. See `hone --help`.")
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flag = unknown[0].partition("=")[0]
            if flag.startswith("-"):
                near = nearest_flag(flag, getattr(parsed, "flags", []), methods.load())
                raise BadOption(f"There is no option {flag}{near}.")
            if flag in methods.load():
                raise BadOption(f"Each method is a command of its own: `hone {flag}`.")
            raise BadOption(f"There is no place for {flag!r}. See `{self.prog} {first} --help`.")
        parsed.words = list(args or [])
        if first in self.commands:
            _refuse_two_values(self.commands[first], parsed.words)
        for name in _PATHS:
            if isinstance(path := getattr(parsed, name, None), str):
                check_path("FILE" if name == "file" else f"--{name.replace('_', '-')}", path)
        return parsed


def _refuse_two_values(command: argparse.ArgumentParser, words: list[str]) -> None:
    """Of two files or folders argparse would drop the first without a word. Of two numbers it takes the last."""
    for action in command._actions:
        names = {flag.removeprefix("--").replace("-", "_") for flag in action.option_strings}
        if type(action) is not argparse._StoreAction or names.isdisjoint(_PATHS):
            continue
        values = [
            value if joined else next(iter(words[i + 1 : i + 2]), "")
            for i, word in enumerate(words)
            for flag, joined, value in [word.partition("=")]
            if flag in action.option_strings
        ]
        if len(set(values)) > 1:
            shown = " and ".join(repr(value) for value in values)
            raise BadOption(f"{action.option_strings[0]} is given more than once, as {shown}: give one of them.")


def parser() -> Parser:
    """The whole command line."""
    from core.cli import (
        chat,
        data,
        doctor,
        evaluate,
        export,
        fuse,
        host_facts,
        link_speed,
        listing,
        login,
        models,
        quantize,
        rewards,
        selftest,
        serve,
        train,
    )  # fmt: skip

    top = Parser(prog="hone", description="Teach a language model something on your own machine.")
    top.add_argument("--version", action="version", version=f"hone {__version__}")
    commands = top.add_subparsers(dest="name", metavar="COMMAND", required=True, parser_class=Parser)
    for name in ("train", *methods.load()):
        train.add(commands, name)
    for module in (
        chat, serve, evaluate, export, fuse, quantize, data, listing, models, rewards, login, doctor, selftest,
        host_facts, link_speed,
    ):  # fmt: skip
        module.add(commands)
    top.commands = commands.choices
    for command in commands.choices.values():
        flags = [flag for action in command._actions for flag in action.option_strings]
        command.set_defaults(flags=flags)
        command.allow_abbrev = False
    return top
