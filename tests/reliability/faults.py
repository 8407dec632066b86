"""A disk that is full, broken or read-only at one file operation of a run, for each of them.

The command ends in one sentence, its exit code is not zero, and its log says how it ended; or it goes on to the end.
Once the disk is well again the run goes on, and ends as the unbroken one does to the last bit.
"""

import errno
import os
import random
import shutil
import signal
import sys
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from core import adapters, cli
from core.__main__ import main
from core.events import Finished, Saved
from core.run import Run
from core.run.event_log import CHECKPOINT, checkpoint_name
from core.run.folder import CHECKPOINTS, EVENTS, RUN, RunFolder
from core.train import train
from core.training import checkpoint
from tests.reliability import disk
from tests.reliability.runs import differences, result, small_run

# Each error, and whether it stays: a full disk is full for the next operation too.
ERRORS = {"ENOSPC": True, "EIO": False, "EACCES": False, "EROFS": True}
MOST_CHARACTERS = 500  # of the sentence
_FREES_SPACE = ("unlink", "rmdir", "replace")


@dataclass
class Counts:
    """What came of the runs of one method."""

    method: str
    operations: int = 0
    trials: int = 0
    endings: Counter[str] = field(default_factory=Counter)  # "one sentence", "went on"
    failures: list[str] = field(default_factory=list)


def run_trials(
    counts: Counts, count: int | None, folder: Path, seed: int, is_resumed: bool = False, part: tuple[int, int] = (1, 1)
) -> None:
    """Have `count` of the file operations of a method's run fail; None: each of them, with each error. `counts` grows.

    `is_resumed`: the operations of a run that goes on from its first checkpoint. `part`: the first of three, say.
    """
    assert train and cli.parser()  # imported once here, and not in each child
    method = counts.method
    unbroken_place = folder / f"{method}-place"
    run = fault_run(method, folder, unbroken_place / "run")
    expected, done = _run_whole(run, unbroken_place)
    killed = None
    if is_resumed:
        killed = folder / f"{method}-killed"
        done = _run_until_killed(run, killed, _in_second_checkpoint(done), expected)
    counts.operations = len(done)
    rng, names = random.Random(f"{seed} {method}"), list(ERRORS)
    pairs = [(n, name) for n in disk.draw(done, count, rng) for name in ([rng.choice(names)] if count else names)]
    for n, name in pairs[part[0] - 1 :: part[1]]:
        place = folder / f"{method}-{n}-{name}"
        problem = _trial(run, place, n, name, expected, counts, killed)
        counts.trials += 1
        if problem:
            counts.failures.append(f"{place.name}: {problem}")
        else:
            shutil.rmtree(place)


def _run_whole(run: Run, place: Path) -> tuple[dict[str, object], list[dict[str, object]]]:
    """(result, file operations) of a run that nothing happens to."""
    place.mkdir()
    code, error = _command(place, place / "run", _words(run, place), disk.die_at(None))
    if code:
        raise RuntimeError(error)
    return result(place / "run"), _operations(place)


def _operations(place: Path) -> list[dict[str, object]]:
    return [o for o in disk.operations(place / "notes") if o["kind"] != "was there"]


def _in_second_checkpoint(done: list[dict[str, object]]) -> int:
    """The number of an operation that writes the second checkpoint, when the log is ahead of the first."""
    name = checkpoint_name(4)
    return 2 + next(n for n, o in enumerate(done, 1) if name in str(o["path"]))


def _run_until_killed(run: Run, place: Path, number: int, expected: dict[str, object]) -> list[dict[str, object]]:
    """Kill a run at an operation, its folder below `place`; returns the operations of a copy that goes on."""
    place.mkdir()
    run = run.replace("output", str(place / "run"))
    code, error = _command(place, place / "run", _words(run, place), disk.die_at(number))
    if code != -signal.SIGKILL or not checkpoint.list_checkpoints(place / "run" / CHECKPOINTS):
        raise RuntimeError(f"exit code {code}, with {error}")
    again = place.with_name(f"{place.name}-again")
    shutil.copytree(place / "run", again / "run")
    code, error = _command(again, again / "run", [run.method, "--resume", str(again / "run")], disk.die_at(None))
    different = differences(expected, result(again / "run"))
    if code or different:
        raise RuntimeError(f"exit code {code}, {different}, with {error}")
    return _operations(again)


def fault_run(method: str, data: Path, output: Path) -> Run:
    """Four steps with a checkpoint after each second, of which one is kept, and validations at the same steps."""
    run = small_run(method, data, output)
    values = {"steps": 4, "save_every": 2, "eval_every": 2, "keep_checkpoints": 1}
    for name, value in values.items():
        run = run.replace(f"train.{name}", value)
    return run


def _trial(
    run: Run, place: Path, number: int, name: str, expected: dict[str, object], counts: Counts, killed: Path | None
) -> str:
    """One run with a fault, and the same without; returns what is wrong, "" for nothing.

    `killed`: where there is a run that was killed, and that the run with the fault goes on with.
    """
    place.mkdir()
    folder = place / "run"
    run = run.replace("output", str(folder))
    going_on = [run.method, "--resume", str(folder)]
    if killed:
        shutil.copytree(killed / "run", folder)
    code, error = _command(place, folder, going_on if killed else _words(run, place), _fail_at(number, name))
    problem = _check_ending(folder, code, error, ERRORS[name] or bool(killed)) or _check_kept(folder)
    if problem:
        return problem
    counts.endings["one sentence" if code else "went on"] += 1
    if code:
        words = going_on if (folder / RUN).exists() else _words(run, place)
        code, error = _command(place, folder, words, disk.die_at(None))
        if code:
            return f"it did not go on: {error[-1500:]}"
    return ", ".join(differences(expected, result(folder)))


def _words(run: Run, place: Path) -> list[str]:
    (place / "asked.toml").write_text(run.to_toml())
    return [run.method, "--config", str(place / "asked.toml")]


def _check_ending(folder: Path, code: int, error: str, stays: bool) -> str:
    """What is wrong with the way in which a command has ended, "" for nothing."""
    sentences = [line for line in error.splitlines() if line.startswith("hone: ")]
    if code == 0:
        return "" if not error.strip() else f"exit code 0, with {error[-1500:]}"
    if code != 2 or len(sentences) != 1 or error.strip() != sentences[0] or len(sentences[0]) > MOST_CHARACTERS:
        return f"exit code {code}, with {error[-1500:]}"
    events = list(RunFolder(folder).events()) if (folder / EVENTS).exists() else []
    if stays or not (folder / RUN).exists():  # the sentence cannot be written either, or there is no run yet
        return ""
    last = events[-1] if events else None
    if not isinstance(last, Finished) or last.reason != "failed":
        return f"the log ends with {last}"
    return ""


def _check_kept(folder: Path) -> str:
    """Whether all that the log says was kept is there, and whole."""
    events = list(RunFolder(folder).events()) if (folder / EVENTS).exists() else []
    saved = [event.step for event in events if isinstance(event, Saved) and event.what == CHECKPOINT]
    checkpoints = checkpoint.list_checkpoints(folder / CHECKPOINTS)
    whole = [checkpoint.step_of(path) for path in checkpoints if not checkpoint.find_defect(path)]
    if saved and (not whole or max(whole) < saved[-1]):
        return f"the checkpoint of step {saved[-1]} was kept, and {whole} are whole"
    if any(isinstance(e, Saved) and e.what == "adapter" for e in events) and not (folder / adapters.WEIGHTS).is_file():
        return "the adapter was kept, and is gone"
    return ""


def _command(place: Path, folder: Path, words: list[str], interfere: disk.Interfere) -> tuple[int, str]:
    """(exit code, what was written to stderr) of a command whose file operations are interfered with."""
    errors = place / "stderr"
    child = os.fork()
    if not child:
        try:
            for descriptor, path in ((1, place / "stdout"), (2, errors)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
            disk.watch(folder, place / "notes", interfere)
            code = main(words)
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            code = 1
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, errors.read_text()


def _fail_at(number: int, name: str) -> disk.Interfere:
    """Fail the operation of a number with an error, and where it stays those that follow too."""

    def interfere(count: int, kind: str, path: str) -> None:
        is_after = ERRORS[name] and count > number and not (name == "ENOSPC" and kind in _FREES_SPACE)
        if count == number or is_after:
            code = getattr(errno, name)
            raise OSError(code, os.strerror(code), path)

    return interfere
