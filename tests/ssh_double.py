"""Stands in the place of ssh: every machine is this one, except those that cannot be reached."""

import os
import sys
from pathlib import Path

import pytest

GONE = "gone"  # a machine that cannot be reached
BARE = "bare"  # one without Hone

_SCRIPT = """#!{python}
import os, sys
words = sys.argv[1:]
while words and words[0].startswith("-"):
    words = words[2:] if words[0] == "-o" else words[1:]
host, command = words[0], " ".join(words[1:])
with open({log!r}, "a") as log:
    log.write(host + "\\n")
if host == {gone!r}:
    sys.stderr.write("ssh: connect to host gone port 22: No route to host\\n")
    sys.exit(255)
if host == {bare!r}:
    command = command.replace({python!r}, "/no/such/python")
os.execv("/bin/sh", ["/bin/sh", "-c", {before!r} + command])
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, before: str = "") -> Path:
    """Put it first on the PATH; returns the file in which it notes the machines that it was asked for.

    `before` are words that come before each command.
    """
    log, program = folder / "ssh.log", folder / "bin" / "ssh"
    program.parent.mkdir(parents=True)
    program.write_text(_SCRIPT.format(python=sys.executable, log=str(log), gone=GONE, bare=BARE, before=before))
    program.chmod(0o755)
    log.touch()
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return log
