"""A run that several machines do together, driven from one of them: each runs Hone's command line.

train_on() and resume_on() give the events of the first machine, which keeps the run's folder, as train() and resume()
give those of a run on this machine alone.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.distributed.host_check import check_hosts
from core.distributed.launcher import run_ranks
from core.distributed.machines import Machines, resolve
from core.events import Event
from core.methods import DEFAULT_METHOD
from core.run import Run, list_options
from core.run.flags import flag_words, to_words
from core.run.folder import RUN
from core.run.needed_files import needed_files


def train_on(
    run: Run,
    machines: Machines,
    stop: threading.Event | None = None,
    save_now: threading.Event | None = None,
) -> Iterator[Event]:
    """Do a run from start to end on several machines or GPUs; arguments and errors as for core.train.train().

    Raises Unavailable, naming the machine, where one cannot be reached, lacks a file, the model or this Hone, dies or
    hangs; every process has ended then, and the run can go on from its last checkpoint.
    """
    ranks = resolve(machines)
    run = run.check().with_absolute_paths()
    if ranks.ranks[0].is_here:  # else the first machine names the folder
        run = run.with_output()
    check_hosts(ranks.remote_hosts, needed_files(run), run.model.path)
    words = [word for words in to_words(run) for word in words]
    yield from run_ranks(words, machines, stop or threading.Event(), save_now or threading.Event())


def resume_on(
    path: Path | str,
    machines: Machines,
    stop: threading.Event | None = None,
    save_now: threading.Event | None = None,
    *,
    changes: dict[str, Any] | None = None,
    accept_changes: bool = False,
) -> Iterator[Event]:
    """Go on with a run, wherever it was done before, on several machines; arguments as for core.train.resume().

    The folder lies on the first machine.
    """
    folder = Path(path).expanduser().absolute()
    ranks, method = resolve(machines), DEFAULT_METHOD
    if ranks.ranks[0].is_here:
        run = Run.read(folder / RUN)
        method = run.method
        check_hosts(ranks.remote_hosts, needed_files(run), run.model.path)
    options = dict(list_options(method))
    words = [method, "--resume", str(folder), *(["--accept-changes"] if accept_changes else [])]
    words += [word for key, value in (changes or {}).items() for word in flag_words(options[key], value)]
    yield from run_ranks(words, machines, stop or threading.Event(), save_now or threading.Event())
