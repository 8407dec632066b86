"""Kill runs at random moments and at file operations, cut the power, go on, and compare with the unbroken run."""

import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.events import Finished
from core.run import Run
from core.run.folder import EVENTS, RUN, RunFolder
from core.train import resume, train
from tests.reliability import disk
from tests.reliability.runs import differences, result, small_run

KILLS_A_TRIAL = 3  # at most: a run that goes on is killed again with a chance of one in three
POWER_CUTS = 0.5  # of the kills of a run that has a folder
EARLY_KILLS = 0.2  # of those at random moments: before the run has a folder, or soon after


@dataclass
class Unbroken:
    """A run that nothing happened to."""

    run: Run
    result: dict[str, Any]
    seconds: float
    operations: int


@dataclass
class Counts:
    """What was done to the runs of one method, and what came of it."""

    method: str
    trials: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def run_trials(method: str, count: int | None, folder: Path, seed: int, at_operations: bool = False) -> Counts:
    """Kill `count` runs of a method at chance; `at_operations`: one run for each operation, or for `count` of them.

    What failed is kept in the folder.
    """
    rng, counts = random.Random(f"{seed} {method}"), Counts(method)
    unbroken = run_unbroken(method, folder)
    numbers: list[int | None] = [None] * (count or 0)
    if at_operations:
        numbers = [*disk.draw(disk.operations(folder / f"{method}-unbroken" / "notes"), count, rng)]
    for n, number in enumerate(numbers):
        place = folder / f"{method}-{n}"
        operation = number or rng.choice([None, rng.randint(1, unbroken.operations)])
        problem = _trial(unbroken, place, counts, rng, operation)
        counts.trials += 1
        if problem:
            counts.failures.append(f"{place.name}: {problem}")
        else:
            shutil.rmtree(place)
    return counts


def run_unbroken(method: str, folder: Path) -> Unbroken:
    """The run that the killed ones are compared with."""
    place = folder / f"{method}-unbroken"
    place.mkdir()
    run = small_run(method, folder, place / "run")
    start = time.monotonic()
    status = _wait(_in_child(lambda: _go_on(run, place / "run", place / "notes", None), place))
    if status:
        raise RuntimeError((place / "output").read_text())
    seconds = time.monotonic() - start
    return Unbroken(run, result(place / "run"), seconds, len(disk.operations(place / "notes")))


def _trial(unbroken: Unbroken, place: Path, counts: Counts, rng: random.Random, operation: int | None) -> str:
    """Kill a run once or more, let it go on to its end, and say in what it differs from the unbroken one.

    The first kill comes at the file operation of that number, or at a random moment.
    """
    place.mkdir()
    folder = place / "run"
    run = unbroken.run.replace("output", str(folder))
    for attempt in range(KILLS_A_TRIAL + 1):
        is_last = attempt == KILLS_A_TRIAL or (attempt and rng.random() > 1 / 3)
        notes = place / f"notes-{attempt}"
        die_at = None if is_last else operation
        operation = rng.choice([None, rng.randint(1, unbroken.operations)])
        child = _in_child(lambda: _go_on(run, folder, notes, die_at), place)  # noqa: B023 (called at once)
        if not is_last and die_at is None:
            if rng.random() > EARLY_KILLS:
                _wait_for_folder(folder, child)
            time.sleep(rng.uniform(0.0, unbroken.seconds / 2))
            os.kill(child, signal.SIGKILL)
        status = _wait(child)
        if status == -signal.SIGKILL:
            kind = "at a file operation" if die_at else "at a random moment"
            if rng.random() < POWER_CUTS and folder.exists():
                disk.cut_power(folder, notes, rng)
                kind += ", power cut"
            counts.kills[kind] += 1
        elif status:
            return (place / "output").read_text()[-2000:]
        elif is_last or _is_finished(folder):
            break
    return ", ".join(differences(unbroken.result, result(folder)))


def _go_on(run: Run, folder: Path, notes: Path, operation: int | None) -> None:
    """In the child: begin the run, or go on with it where there is something to go on with."""
    disk.watch(folder, notes, disk.die_at(operation))
    if _is_finished(folder):
        return
    for _ in resume(folder) if (folder / RUN).exists() else train(run):
        pass


def _wait_for_folder(folder: Path, child: int) -> None:
    """Wait until a run is in its first step, or has gone on from its checkpoint, or has ended."""
    log, start = folder / EVENTS, time.time()
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if log.exists() and log.stat().st_mtime > start:
            return
        time.sleep(0.002)


def _is_finished(folder: Path) -> bool:
    events = list(RunFolder(folder).events())
    return bool(events) and isinstance(events[-1], Finished) and events[-1].reason == "done"


def _in_child(work: Callable[[], None], place: Path) -> int:
    """Do some work in a child of this process, its output in a file; returns its process id."""
    child = os.fork()
    if child:
        return child
    try:
        output = os.open(place / "output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        work()
        os._exit(0)
    except UserError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(2)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _wait(child: int) -> int:
    """The exit code of a child, minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
