"""A run as a command line and as run.toml, to copy, without passwords and tokens. No Qt here."""

import shlex

from core.redact import redact
from core.run import Run
from core.run.flags import to_words

_WIDTH = 60  # characters of a line, after which the command goes on in the next


def command_line(run: Run) -> str:
    """The `hone` command that trains the same run: model, data, and what differs from the defaults."""
    arguments = [shlex.join(words) for words in to_words(run)]
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
