"""The run as a command line and as run.toml, to copy. No Qt here."""

import shlex
from typing import Any

import tomli_w

from app.new_run.draft import value
from core.methods import DEFAULT_METHOD
from core.options import Option
from core.run import Run, list_options

_WIDTH = 60


def command(run: Run) -> str:
    """The `hone` command that does the same, with only what differs from the defaults."""
    usual = Run(method=run.method)
    words = ["train" if run.method == DEFAULT_METHOD else run.method]
    for key, option in list_options(run.method):
        mine = value(run, key)
        always = key in ("model.path", "data.path")
        if key != "method" and mine is not None and (always or mine != value(usual, key)):
            words.append(_flag(option, mine))
    lines = ["hone"]
    for word in words:
        if len(lines[-1]) + len(word) > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}"
    return "\n".join(lines)


def toml(run: Run) -> str:
    """run.toml, as the run's folder will hold it."""
    return tomli_w.dumps(run.to_dict()).strip()


def _flag(option: Option, mine: Any) -> str:
    if option.type is bool:
        return option.flag if mine else "--no-" + option.flag.removeprefix("--")
    text = ",".join(mine) if option.type is tuple else f"{mine:g}" if option.type is float else str(mine)
    return f"{option.flag} {shlex.quote(text)}"
