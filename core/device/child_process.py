"""Start a script of Hone's in a process of its own, also from a frozen app, which has no Python beside it."""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

CHILD = "--hone-child"  # a frozen app that is started with it runs the script that follows


def child_command(script: Path, *arguments: str) -> list[str]:
    """The command that runs a Python file of Hone's with these arguments.

    `-P` keeps the file's folder from being a place to import from, or our files would hide Python's own.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD, str(script), *arguments]
    return [sys.executable, "-P", str(script), *arguments]


def run_child(words: Sequence[str]) -> None:
    """Where a frozen app was started by child_command(), run the script and end; else return at once.

    Only files inside the app are run. Raises SystemExit.
    """
    if len(words) < 3 or words[1] != CHILD:
        return
    script = Path(words[2]).resolve()
    inside = Path(sys._MEIPASS).resolve() if hasattr(sys, "_MEIPASS") else None
    if inside is None or not script.is_relative_to(inside):
        raise SystemExit(f"{script} is no part of this app.")
    sys.argv = [str(script), *words[3:]]
    runpy.run_path(str(script), run_name="__main__")
    raise SystemExit(0)


def hone_command(words: Sequence[str]) -> list[str]:
    """The command that runs Hone's command line with these words, here or on a machine where Hone lies as it does here.

    `-P` keeps the folder that it is started in from being a place to import from.
    """
    if getattr(sys, "frozen", False):
        return [str(Path(sys.executable).with_name("hone-command")), *words]
    return [sys.executable, "-P", "-m", "core", *words]
