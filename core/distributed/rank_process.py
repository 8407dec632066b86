"""The process of one rank: started, on this machine or over ssh, by the script that MLX's own launcher makes for it.

MLX's launcher decides what each rank needs in its environment (addresses, ports, RDMA devices). Its loop over the
processes is not used: it takes a whole processor for each of them while it waits for room to write, says that all went
well whatever their exit codes are, and waits for ever for a process that stands still or a machine that is gone.
"""

import os
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from core.distributed.machines import Ranks
from core.errors import BadOption
from core.text.sentence import say

SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10")
_PORTS = range(23_000, 32_000)  # below those that systems give to clients
_planning = threading.Lock()


@dataclass(frozen=True)
class RankScript:
    """What starts a rank: a script for bash, on this machine or on the one that ssh knows by `host`."""

    rank: int
    host: str
    is_here: bool
    text: str


def plan_scripts(ranks: Ranks, command: Sequence[str], environment: Sequence[str]) -> list[RankScript]:
    """The scripts that run a command as these ranks; `environment` holds NAME=VALUE. Raises BadOption."""
    from mlx._distributed_utils import launch

    planned: list[tuple[Any, ...]] = []

    def keep(kind: type, arguments: list[tuple[tuple[Any, ...], dict[str, Any]]], verbose: bool) -> None:
        planned.extend(positional for positional, _ in arguments)

    backend = ranks.backend or ("nccl" if _has_cuda() else "ring")
    port = free_ports(len(ranks.ranks))
    options = Namespace(
        backend=backend,
        env=[*ranks.envs, *environment],
        cwd=None,
        python=None,
        verbose=False,
        starting_port=port,
        nccl_port=port,
        connections_per_ip=1,
        repeat_hosts=ranks.per_host,
    )
    starters = {"ring": launch.launch_ring, "nccl": launch.launch_nccl}
    with _planning:  # MLX's functions plan and start in one: what would start is kept here
        starts, launch._launch_with_io = launch._launch_with_io, keep
        try:
            hosts = [launch.Hostfile.from_list(rank.ssh).hosts[0] for rank in ranks.ranks]
            for host, rank in zip(hosts, ranks.ranks, strict=True):
                host.ips, host.rdma = list(rank.addresses), list(rank.rdma)
            starters.get(backend, launch.launch_jaccl)(_Complaints(), hosts, options, list(command))
        finally:
            launch._launch_with_io = starts
    return [
        RankScript(
            number,
            rank.name,
            rank.is_here,
            launch.RemoteProcess.make_launch_script(number, python, cwd, files, env, words, True),
        )
        for (number, _, python, cwd, files, env, words), rank in zip(planned, ranks.ranks, strict=True)
    ]


class _Complaints:
    """Stands where MLX's functions have a parser of arguments."""

    def error(self, message: str) -> NoReturn:
        raise BadOption(message if message.endswith(".") else say("{message}.", message=message))


class RankProcess:
    """A rank that runs, in a process group of its own: Ctrl-C in a terminal is for whoever started it."""

    def __init__(self, script: RankScript, ssh: str) -> None:
        self.script, self._ssh = script, ssh
        bash = ["/bin/bash", "-c", script.text]
        words = bash if script.is_here else [*SSH, ssh, shlex.join(bash)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self.pid_file = ""  # on its machine; it is the first line that the script prints

    def tell(self, line: str) -> None:
        """A line for its standard input."""
        with suppress(OSError, ValueError):
            assert self.process.stdin is not None
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        """End it now, whatever state it is in; over ssh as far as its machine can be reached."""
        if self.process.poll() is None and not self.script.is_here and self.pid_file:
            pid_file = shlex.quote(self.pid_file)
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    [*SSH, self._ssh, f"kill -9 $(cat {pid_file}); rm -f {pid_file}"], capture_output=True, timeout=15
                )
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """Let go of its pipes; it has ended."""
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        if self.script.is_here and self.pid_file.startswith(tempfile.gettempdir()):
            with suppress(OSError):
                os.unlink(self.pid_file)


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nothing listens on here."""
    import random

    while True:
        first = random.randrange(_PORTS.start, _PORTS.stop - count)
        with suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("", port))
            return first


def _has_cuda() -> bool:
    import mlx.core as mx

    return bool(mx.cuda.is_available())
