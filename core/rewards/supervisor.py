"""Watches over the process in which a person's reward function runs: python -P supervisor.py ALIVE BYTES.

It starts that process (child.py) as a fork of its own, runs nothing of the person's, and ends everything that was
started from there: when Hone closes the pipe ALIVE or is gone, when the process ends, or when it takes more than BYTES
of memory. Why it ended goes to Hone as {"ended": the reason}. It leads a process group, which Hone can end too.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import select
import signal
import sys
from pathlib import Path

import psutil

from core.text.sentence import pack, say

PRIVATE = 200  # the pipes lie at this descriptor and above, where nobody expects them; macOS allows 255
PAUSE = 0.05  # seconds between two looks at the process
LOOKS = 20  # after which all its processes are looked at, which takes longer


def main(alive: int, memory: int) -> None:
    requests, replies, alive = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, PRIVATE) for fd in (0, 1, alive))
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):  # a person's code reads nothing and prints to nowhere
        os.dup2(null, fd)
    os.closerange(3, PRIVATE)
    worker = os.fork()
    if worker == 0:
        os.close(alive)
        _serve(requests, replies)
        return
    os.close(requests)
    reason = _watch(worker, alive, memory)
    if reason:
        os.set_blocking(replies, False)
        with contextlib.suppress(OSError):  # a full pipe, or nobody there to read it
            os.write(replies, b"\n" + json.dumps({"ended": pack(reason)}).encode() + b"\n")
    _end_all()


def _serve(requests: int, replies: int) -> None:
    """Run child.py, which cannot be imported: its neighbours would hide Python's own modules."""
    spec = importlib.util.spec_from_file_location("child", Path(__file__).with_name("child.py"))
    assert spec is not None and spec.loader is not None
    child = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    child.serve(requests, replies)


def _watch(worker: int, alive: int, memory: int) -> str:
    """Wait until the worker has to be ended or has ended; the reason, "" where Hone is done with it."""
    look = 0
    while not select.select([alive], [], [], PAUSE)[0]:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return (
                say("ended its process (exit code {code})", code=code)
                if code >= 0
                else say("was ended by {signal_name}", signal_name=_signal_name(-code))
            )
        look += 1
        if _used_memory(worker, look % LOOKS == 0) > memory:
            return say("took more than {size:.3g} GB of memory", size=memory / 1e9)
    return ""


def _used_memory(worker: int, with_children: bool) -> int:
    """Bytes of memory that the worker uses, on request with all the processes that it started."""
    processes = [psutil.Process(worker)]
    if with_children:
        processes += processes[0].children(recursive=True)
    used = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            used += process.memory_info().rss
    return used


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _end_all() -> None:
    """End every process that was started from here, those with a group of their own too, and this one."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
