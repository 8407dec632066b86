"""The ranks of one run together: they connect, compare what they are, watch each other, and end together."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from core.distributed.agreement import agree
from core.distributed.group import Group
from core.distributed.launched import current_group, launched_backend
from core.distributed.own_gpu import take_own_gpu
from core.distributed.watchdog import Watchdog
from core.resolved import Choice
from core.text.sentence import say

# What Hone's launcher tells the ranks, beside what MLX's does.
NAMES, TIMEOUT, SHARDING, LINK = "HONE_HOSTS", "HONE_RANK_TIMEOUT", "HONE_SHARDING", "HONE_LINK"
FROM_FILE = "hostfile"  # of LINK: the file of the machines names it
DEFAULT_TIMEOUT = 60.0  # seconds
EXIT_CODE = 2  # of a process that another one's end has ended

_REASON_WAIT = 2.0  # seconds in which the end of a connection becomes a sentence


class Session:
    """The group of this process and what watches it; alone, neither does anything."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.watchdog: Watchdog | None = None

    def agree(self, facts: Mapping[str, object], words: Mapping[str, str]) -> None:
        """Raise Unavailable, on all ranks, where `facts` are not the same on each; `words` names them."""
        if self.group.size > 1:
            agree(self.group.gather(dict(facts)), self.group.names, words)

    def explain(self, error: BaseException) -> str | None:
        """Which rank was lost, where that is why a collective has failed."""
        if self.watchdog is None or not isinstance(error, RuntimeError):
            return None
        return self.watchdog.failure(_REASON_WAIT) or None

    def end_others(self, sentence: str) -> None:
        """End the run on the other ranks too, where this one has failed."""
        if self.watchdog is not None:
            self.watchdog.end_others(sentence)


# Called with a sentence before a process that stands in an exchange is ended by force, the latest first.
forced_endings: list[Callable[[str], None]] = []


def _end_by_force(sentence: str) -> None:
    for ending in reversed(forced_endings):
        ending(sentence)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_CODE)


@contextmanager
def at_forced_end(ending: Callable[[str], None]) -> Iterator[None]:
    """While the body lasts, `ending` is called with a sentence before the process is ended by force."""
    forced_endings.append(ending)
    try:
        yield
    finally:
        forced_endings.remove(ending)


_current: list[Session] = []  # one run at a time


def current_session() -> Session | None:
    """The session of the run that this process does, where it has one."""
    return _current[-1] if _current else None


def wanted_sharding(environment: Mapping[str, str]) -> str:
    """How the ranks are to share the model: one of core.distributed.machines.SHARDINGS."""
    return environment.get(SHARDING) or "auto"


def link_choice(environment: Mapping[str, str], backend: str) -> Choice:
    """What was asked to move the numbers, and does; `backend` is the engine that connects the ranks."""
    used = "jaccl-ring" if backend == "jaccl" and environment.get("MLX_JACCL_RING") else backend
    asked = environment.get(LINK)
    if asked is None:
        return Choice("auto", used, say("as MLX's launcher connects the ranks"))
    if asked == FROM_FILE:
        return Choice("auto", used, say("as the file of the machines says"))
    if asked != "auto":
        return Choice(asked, used, say("as asked"))
    if used == "nccl":
        return Choice(asked, used, say("the machines have NVIDIA GPUs"))
    return Choice(asked, used, say("TCP connects any machines, and MLX finds no NVIDIA GPU here"))


@contextmanager
def joined() -> Iterator[Session]:
    """The ranks of this process's run, from their connection to their end.

    Raises Unavailable where they cannot be connected, or are of different versions.
    """
    timeout = float(os.environ.get(TIMEOUT, DEFAULT_TIMEOUT))
    take_own_gpu()
    with _ended_after(timeout):
        group = current_group()
    session = Session(group)
    if group.size == 1:
        yield session
        return
    group.names = _names(group)
    from core.device.machine import versions

    found = versions()
    session.agree(found, {name: say("the version of {name}", name=name) for name in found})
    watchdog = Watchdog(group, timeout, _end_by_force)
    watchdog.start(_first_address(group))
    session.watchdog = watchdog
    _current.append(session)
    try:
        yield session
    finally:
        _current.remove(session)
        watchdog.close()


def _names(group: Group) -> list[str]:
    """The machines by rank: as a person named them, or as they call themselves."""
    given = os.environ.get(NAMES, "")
    names = given.split(",")
    own = names[group.rank] if len(names) == group.size and given else socket.gethostname()
    return [str(name) for name in group.gather(own)]


def _first_address(group: Group) -> str:
    """The address of rank 0 by which the ranks are connected."""
    hosts = group.gather(socket.gethostname())
    if len(set(hosts)) == 1 and group.backend != "ring":
        return "127.0.0.1"
    if group.backend == "ring":
        import json

        with open(os.environ["MLX_HOSTFILE"], encoding="utf-8") as file:
            first = json.load(file)[0][0]
    else:
        first = os.environ.get("MLX_JACCL_COORDINATOR") or os.environ.get("NCCL_HOST_IP") or ""
    address = first.rpartition(":")[0] if ":" in first else first
    return address.strip("[]") or str(group.broadcast(socket.gethostbyname(socket.gethostname())))


# $1 seconds, $2 sentence, $3 process. The process is its parent still, or it is no longer there.
_ALARM = 'sleep "$1"; [ "$(ps -o ppid= -p $$ | tr -d " ")" = "$3" ] && printf "hone: %s\\n" "$2" >&2 && kill -9 "$3"'


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """End the process where the body takes longer.

    MLX connects the ranks while it holds Python's interpreter, and waits for a missing one without end: no thread of
    this process could look after it, so another process does.
    """
    if launched_backend(os.environ) is None:
        yield
        return
    sentence = say("Not all machines of this run have joined within {seconds:g} s.", seconds=seconds)
    words = ["/bin/sh", "-c", _ALARM, "hone", f"{seconds:g}", sentence, str(os.getpid())]
    alarm = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(alarm.pid, signal.SIGKILL)
        alarm.wait()
