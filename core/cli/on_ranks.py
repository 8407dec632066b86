"""A command on several machines or GPUs: the flags that say where, and this process as one of the ranks."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from core.cli import Print
from core.cli.flags import add_flag, parse_flags
from core.distributed.complaint import LAUNCHED, complaint
from core.distributed.launched import launched_backend, rank_of
from core.distributed.machines import Machines
from core.distributed.session import SHARDING, at_forced_end
from core.errors import BadOption
from core.options import describe
from core.redact import redact
from core.stop_request import StopRequest

PREFIX = "where"


def add_machine_flags(command: argparse.ArgumentParser, with_model: bool = True) -> None:
    """--hosts, --hostfile, --ranks and what goes with them; `with_model`: there is a model that they can share."""
    group = command.add_argument_group("several machines or GPUs")
    for o in describe(Machines):
        if with_model or o.name != "sharding":
            add_flag(group, PREFIX, o.name, o)


def asked_machines(args: Any) -> Machines | None:
    """The machines that the command line names; None where this process does the work, alone or as a rank of others."""
    values = parse_flags(args, PREFIX, {o.name: o for o in describe(Machines)})
    if "sharding" in values and launched_backend(os.environ):  # mlx.launch has started this process
        os.environ[SHARDING] = values.pop("sharding")
    machines = Machines(**values)
    if (others := sorted(values.keys() - {"ranks"})) and not machines.is_asked:
        flag = f"--{others[0].replace('_', '-')}"
        raise BadOption(f"{flag} goes with --hosts, --hostfile or --ranks, which say where.")
    return machines.check() if machines.is_asked else None


def only_first(out: Print) -> Print:
    """`out` on the first rank; the others print nothing."""
    return out if rank_of(os.environ) == 0 else lambda *values, **options: None


@contextmanager
def as_rank() -> Iterator[None]:
    """This process as one of several ranks: the first tells how the run ends, also where it is ended by force."""

    def complain(sentence: str) -> None:
        with suppress(OSError):
            sys.stderr.write(f"{complaint(redact(sentence))}\n")

    is_first = rank_of(os.environ) == 0
    with at_forced_end(complain) if is_first else nullcontext():
        yield


def follow_wishes(stop: StopRequest, save_now: threading.Event) -> None:
    """As a rank that Hone has launched: take a person's wishes from standard input; its end is a wish to stop."""
    if not os.environ.get(LAUNCHED):
        return
    for number in (signal.SIGINT, signal.SIGHUP):  # whoever launched the ranks tells them
        signal.signal(number, signal.SIG_IGN)
    wishes = {"stop": stop.set, "pause": stop.pause, "skip": stop.skip, "checkpoint": save_now.set}

    def read() -> None:
        rest = b""
        while data := os.read(0, 4096):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                wishes.get(line.decode("ascii", "replace").strip(), save_now.is_set)()
        stop.set()  # whoever launched the ranks is gone

    threading.Thread(target=read, name="wishes", daemon=True).start()
