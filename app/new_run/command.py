"""A run as a command line and as run.toml, to copy, without passwords and tokens. No Qt here."""

import shlex
from typing import Any

from app.new_run.draft import option_value
from core.methods import DEFAULT_METHOD
from core.options import Option
from core.redact import redact
from core.run import Run, list_options
from core.text_list import join_list

_WIDTH = 60  # characters of a line, after which the command goes on in the next


def command_line(run: Run) -> str:
    """The `hone` command that trains the same run: model, data, and what differs from the defaults."""
    default_run = Run(method=run.method)
    arguments = ["train" if run.method == DEFAULT_METHOD else run.method]
    for key, option in list_options(run.method):
        value = option_value(run, key)
        always = key in ("model.path", "data.path")
        if key != "method" and value is not None and (always or value != option_value(default_run, key)):
            arguments.append(_format_flag(option, value))
    lines = ["hone"]
    for argument in arguments:
        if len(lines[-1]) + len(argument) > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {argument}"
    return redact("\n".join(lines))


def run_toml(run: Run) -> str:
    """The text of run.toml, as the run's folder will hold it."""
    return redact(run.to_toml().strip())


def _format_flag(option: Option, value: Any) -> str:
    if option.type is bool:
        return option.flag if value else "--no-" + option.flag.removeprefix("--")
    text = join_list(value) if option.type is tuple else f"{value:g}" if option.type is float else str(value)
    return f"{option.flag} {shlex.quote(text)}"
