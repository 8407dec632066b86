"""A run on several machines or GPUs: starts the command line on each, and gives the events of the first rank."""

import os
import queue
import selectors
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import IO

from core.device.child_process import hone_command
from core.distributed.backends import check_backend
from core.distributed.complaint import LAUNCHED, understand
from core.distributed.machines import Machines, Ranks, resolve
from core.distributed.rank_process import RankProcess, plan_scripts
from core.distributed.session import FROM_FILE, LINK, SHARDING
from core.distributed.watchdog import RESUME
from core.errors import Unavailable
from core.events import Event, from_json
from core.stop_request import pauses, skips
from core.text.sentence import join, say

GRACE = 12.0  # seconds for the other ranks to end by themselves once one has ended
_LOOK_SECONDS = 0.1
_CHECKPOINT = ('"event": "Saved"', '"what": "checkpoint"')  # in the line of an event that says so
_KEPT_LINES = 200  # of what a rank prints on stderr


class RankCrashed(RuntimeError):
    """A bug in a rank: what it printed."""


def run_ranks(
    words: Sequence[str],
    machines: Machines,
    stop: threading.Event,
    save_now: threading.Event,
) -> Iterator[Event]:
    """Run `hone` with these words as every rank, and give the events of rank 0; see run_lines()."""
    for line in run_lines(words, machines, stop, save_now):
        with suppress(ValueError):  # what a library prints
            yield from_json(line)


def run_lines(
    words: Sequence[str],
    machines: Machines,
    stop: threading.Event,
    save_now: threading.Event,
    lines: queue.SimpleQueue[str] | None = None,
) -> Iterator[str]:
    """Run `hone` with these words, and --json, as every rank, and give what rank 0 prints, line by line.

    Arguments:
        words: the command line behind `hone`, without what says where.
        machines: where.
        stop, save_now: as for core.train.train().
        lines: each line that is put into it comes to the standard input of every rank.

    Raises UserError as a run on one machine does, and Unavailable with a sentence that names the machine where one
    could not be reached, has died or hangs; every process has ended then.
    """
    ranks = resolve(machines)
    check_backend(ranks)
    names = ",".join(rank.name for rank in ranks.ranks)
    environment = [f"{LAUNCHED}=1", f"HONE_HOSTS={names}", f"HONE_RANK_TIMEOUT={machines.rank_timeout:g}"]
    environment.append(f"{SHARDING}={machines.sharding}")
    asked = machines.distributed_backend
    environment.append(f"{LINK}={FROM_FILE if asked == 'auto' and ranks.backend else asked}")
    scripts = plan_scripts(ranks, hone_command([*words, "--json"]), environment)
    flock = _Flock(ranks, can_resume="--resume" in words)
    try:
        for script in scripts:
            flock.add(RankProcess(script, ranks.ranks[script.rank].ssh))
        yield from flock.lines(stop, save_now, lines)
    finally:
        flock.end()
    flock.complain()


class _Flock:
    """The processes of all ranks, and what they print."""

    def __init__(self, ranks: Ranks, can_resume: bool) -> None:
        self.can_resume = can_resume  # whether they do a run that has a checkpoint
        self.names = [rank.name for rank in ranks.ranks]
        self.processes: list[RankProcess] = []
        self.first_dead: RankProcess | None = None
        self._lines: dict[int, list[str]] = {}  # of stderr, by rank
        self._rests: dict[int, bytes] = {}  # by file
        self._selector = selectors.DefaultSelector()
        self._told: set[str] = set()

    def add(self, process: RankProcess) -> None:
        self.processes.append(process)
        self._lines[process.script.rank] = []
        for pipe in (process.process.stdout, process.process.stderr):
            assert pipe is not None
            self._selector.register(pipe, selectors.EVENT_READ, process)

    def lines(
        self, stop: threading.Event, save_now: threading.Event, told: queue.SimpleQueue[str] | None = None
    ) -> Iterator[str]:
        """What rank 0 prints, until all have ended, or GRACE after one has failed."""
        deadline = None
        while self._selector.get_map():
            self._pass_on(stop, save_now)
            while told and not told.empty():
                self._tell(told.get())
            for key, _ in self._selector.select(_LOOK_SECONDS):
                yield from self._read(key.fileobj, key.data)  # type: ignore[arg-type]
            if self.first_dead is None:
                self.first_dead = next((p for p in self.processes if p.process.poll() not in (None, 0)), None)
                deadline = time.monotonic() + GRACE if self.first_dead else None
            if deadline and time.monotonic() > deadline:
                return

    def _pass_on(self, stop: threading.Event, save_now: threading.Event) -> None:
        wish = ("skip" if skips(stop) else "pause" if pauses(stop) else "stop") if stop.is_set() else ""
        if wish and wish not in self._told:
            self._told.add(wish)
            self._tell(wish)
        if save_now.is_set():
            save_now.clear()
            self._tell("checkpoint")

    def _tell(self, word: str) -> None:
        for process in self.processes:
            process.tell(word)

    def _read(self, pipe: IO[bytes], process: RankProcess) -> Iterator[str]:
        data = os.read(pipe.fileno(), 1 << 16)
        if not data:
            self._selector.unregister(pipe)
            return
        *lines, self._rests[pipe.fileno()] = (self._rests.get(pipe.fileno(), b"") + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r")
            if pipe is process.process.stderr:
                self._lines[process.script.rank] = [*self._lines[process.script.rank], text][-_KEPT_LINES:]
            elif not process.pid_file:
                process.pid_file = text
            elif process.script.rank == 0:
                self.can_resume = self.can_resume or all(part in text for part in _CHECKPOINT)
                yield text

    def end(self) -> None:
        """No process is left, and no pipe open."""
        killers = [threading.Thread(target=process.kill) for process in self.processes]
        for killer in killers:
            killer.start()
        for killer in killers:
            killer.join()
        for process in self.processes:
            process.close()
        self._selector.close()

    def complain(self) -> None:
        """Raise what the run failed with, if it has."""
        if self.first_dead is None:
            return
        ordered = sorted(self.processes, key=lambda p: (p.script.rank != 0, p is not self.first_dead))
        for process in ordered:
            rank = process.script.rank
            if error := understand(self._lines[rank], partial(self._signed, rank)):
                raise error
        for process in ordered:
            if process.process.returncode == 1 and self._lines[process.script.rank]:
                raise RankCrashed("\n".join([f"{self._name(process.script.rank)}:", *self._lines[process.script.rank]]))
        raise Unavailable(self._describe_death(self.first_dead))

    def _name(self, rank: int) -> str:
        return say("{machine} (rank {rank})", machine=self.names[rank], rank=rank)

    def _signed(self, rank: int, sentence: str) -> str:
        """A sentence of a rank; of another than the first with its machine, where it names none."""
        if rank == 0 or any(self._name(n) in sentence for n in range(len(self.names))):
            return sentence
        return say("{machine}: {sentence}", machine=self._name(rank), sentence=sentence)

    def _describe_death(self, process: RankProcess) -> str:
        rank, code = process.script.rank, process.process.returncode
        name = self._name(rank)
        last = next((line for line in reversed(self._lines[rank]) if line.strip()), "")
        if code == 255 and not process.script.is_here:
            return say("{machine} cannot be reached: {reason}.", machine=name, reason=last or say("ssh says no more"))
        if code < 0 or code > 128:
            signal = -code if code < 0 else code - 128
            told = say("{machine} was killed (signal {number}).", machine=name, number=signal)
        else:
            words = {"machine": name, "code": code, "reason": f": {last}" if last else ""}
            told = say("{machine} ended with exit code {code}{reason}.", **words)
        return join([told, RESUME]) if self.can_resume else told
