"""Runs inside the installed environment: imports Hone, or gives back to the launcher when that does not work.

Arguments: the launcher, then what the person gave. The standard library alone is needed until Hone is imported.
"""

import fcntl
import os
import shutil
import sys
import threading
from pathlib import Path

ENVIRONMENT = Path(sys.prefix).parent


def main() -> int:
    launcher, *arguments = sys.argv[1:]
    try:
        in_use = (ENVIRONMENT / "in-use").open("a")  # held until the process ends; children do not inherit it
        fcntl.flock(in_use, fcntl.LOCK_SH)
    except OSError:
        in_use = None  # a read-only home: nobody removes anything there either
    try:
        os.environ["HONE_APP"] = launcher  # so that Hone can tell where its app lies
        if arguments[:1] == ["hone"]:
            from core.__main__ import main as run

            arguments = arguments[1:]
        else:
            import app.shell.window  # noqa: F401  # whatever the window stands on
            from app.__main__ import main as run
    except (ImportError, OSError, SyntaxError, ValueError, EOFError) as error:
        # A damaged file shows in one of these ways. The launcher makes a new environment, once, or says that it
        # is no use; the process stays the same one.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        os.execv(launcher, [launcher, "--broken", reason, *sys.argv[2:]])
    (ENVIRONMENT / "starting").unlink(missing_ok=True)
    os.environ.pop("HONE_REPAIRED", None)
    if in_use is not None:
        threading.Thread(target=remove_older, args=(ENVIRONMENT,), daemon=True).start()
    sys.argv = ["Hone", *arguments]
    return run()


def remove_older(current: Path) -> None:
    """Remove the environments of other releases that no process uses."""
    for folder in current.parent.iterdir():
        if folder == current or not (folder / "whole").exists():
            continue  # one that is not whole is being made, under the launcher's lock
        try:
            with (folder / "in-use").open("a") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:
            continue  # in use, or not ours to remove


if __name__ == "__main__":
    sys.exit(main())
