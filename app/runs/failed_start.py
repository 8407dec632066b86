"""A run that failed before it began has no folder of its own yet: the window makes one, or its list would forget it."""

import time
from contextlib import suppress
from pathlib import Path

from core.errors import UserError
from core.events import Finished
from core.run import Run, runs_folder
from core.run.folder import RUN, RunFolder


def keep_failed_start(run: Run, reason: str) -> None:
    """Write down what was asked for and why it failed, unless the run has begun and has done so itself. The log keeps
    a Sentence as one, to be said in the language of whoever reads it.

    Not in a folder that the person has chosen, where the next try is to find room.
    """
    if not run.output or Path(run.output).parent != runs_folder() or (Path(run.output) / RUN).exists():
        return
    with suppress(UserError):  # where the folder is what failed: the page says so
        run = run.with_absolute_paths()
        folder = RunFolder.plan(run)
        try:
            folder.begin(run)
            folder.log(Finished("failed", 0, reason, 0.0, time=time.time()))
        finally:
            folder.close()
