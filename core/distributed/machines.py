"""Where a run is done: the machines and processes that share it. No part of its recipe, and not in run.toml.

The file of hosts is MLX's own (`mlx.launch --hostfile`).
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.distributed.hostfile import BACKENDS, read_hostfile
from core.errors import BadOption, Unavailable
from core.options import option
from core.text.sentence import say

HERE = "127.0.0.1"  # MLX starts what goes to this address without ssh
THIS_MACHINE = say("this machine")  # the name of ranks that nobody named
SHARDINGS = ("auto", "tensor", "pipeline", "none")


@dataclass(frozen=True)
class Machines:
    """The machines of a run, as a person names them."""

    hosts: tuple[str, ...] = option(
        (),
        "Machines that work together, names or addresses as ssh knows them; the first one writes the files.",
        label="Machines",
    )
    hostfile: str | None = option(
        None,
        "The machines in a file of MLX's (`mlx.distributed_config` writes one), with their addresses and RDMA devices.",
        label="File of machines",
        unset="none",
    )
    ranks: int | None = option(
        None,
        "Processes that work together on this machine, or on each of the machines: one for each GPU.",
        low=1,
        high=256,
        label="Processes",
        unset="1",
    )
    distributed_backend: str = option(
        "auto",
        "What moves the numbers: ring (TCP, also over Thunderbolt), jaccl (RDMA) or nccl (NVIDIA).",
        choices=BACKENDS,
        label="Link",
        when="auto is nccl on NVIDIA GPUs, else ring.",
    )
    sharding: str = option(
        "auto",
        "How they share the model: tensor (its heads and widths), pipeline (its layers, for answers alone) or none.",
        choices=SHARDINGS,
        label="Parts of the model",
        when="auto parts it where it does not fit into the memory of one machine.",
    )
    rank_timeout: float = option(
        60.0,
        "Seconds without a sign of life from a machine, or until it has joined, after which the work ends on all.",
        low=2.0,
        high=86_400.0,
        label="Wait for a machine",
    )

    @property
    def is_asked(self) -> bool:
        """Whether more than this one process is to train."""
        return bool(self.hosts or self.hostfile or (self.ranks or 1) > 1)

    def check(self) -> "Machines":
        """The machines themselves. Raises BadOption for what contradicts itself."""
        if self.hosts and self.hostfile:
            raise BadOption(say("Give either --hosts or --hostfile, not both."))
        if self.hostfile and self.ranks:
            raise BadOption(say("--ranks goes with --hosts or alone: a file of hosts has one line for each process."))
        if self.distributed_backend.startswith("jaccl") and not self.hostfile:
            raise BadOption(
                say("jaccl needs --hostfile, which names the RDMA devices; mlx.distributed_config writes it.")
            )
        return self


@dataclass(frozen=True)
class Rank:
    """One process of a run: the name that a person gave its machine, and where it is reached."""

    name: str
    ssh: str  # HERE: started without ssh
    addresses: tuple[str, ...]
    rdma: tuple[Any, ...] = ()

    @property
    def is_here(self) -> bool:
        return self.ssh == HERE


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, in MLX's order, and what MLX's file says beside them."""

    ranks: tuple[Rank, ...]
    backend: str | None = None  # None: as MLX chooses
    envs: tuple[str, ...] = ()
    per_host: int = 1

    @property
    def remote_hosts(self) -> list[str]:
        """The machines other than this one, each once."""
        return list(dict.fromkeys(rank.ssh for rank in self.ranks if not rank.is_here))


def resolve(machines: Machines, look_up: Callable[[str], str] | None = None) -> Ranks:
    """The processes that are asked for. Raises BadOption, and Unavailable for a name that has no address."""
    machines.check()
    backend = None if machines.distributed_backend == "auto" else machines.distributed_backend
    if machines.hostfile:
        return _read_hostfile(Path(machines.hostfile).expanduser(), backend)
    count = machines.ranks or 1
    if not machines.hosts:
        return Ranks((Rank(THIS_MACHINE, HERE, (HERE,)),) * count, backend, per_host=count)
    if len(set(machines.hosts)) < len(machines.hosts):
        raise BadOption(say("--hosts names a machine twice; use --ranks for several processes on each."))
    ranks = tuple(rank for name in machines.hosts for rank in (_named(name, look_up),) * count)
    if len(ranks) < 2:
        raise BadOption(say("--hosts needs two machines or more; the first is the one that writes the run folder."))
    return Ranks(ranks, backend, per_host=count)


def _named(name: str, look_up: Callable[[str], str] | None) -> Rank:
    """The machine of a name as ssh takes it ("mini", "me@mini.local", "10.0.0.2")."""
    if not name or name.startswith("-"):
        raise BadOption(say("{name!r} is no name of a machine.", name=name))
    host = name.rpartition("@")[2]
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        try:
            address = (look_up or socket.gethostbyname)(host)
        except OSError:
            sentence = say(
                "{machine} cannot be found in the network: give its address, or a file of machines.", machine=name
            )
            raise Unavailable(sentence) from None
    return Rank(name, HERE if is_own(address) else name, (address,))


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's: only then something can be bound to it."""
    with suppress(OSError, ValueError), socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return True
    return False


def is_this_machine(name: str) -> bool:
    """Whether the name of a rank is this machine's: nobody named it, or by its own address or name."""
    if name in (THIS_MACHINE, socket.gethostname()):
        return True
    with suppress(ValueError):
        return is_own(str(ipaddress.ip_address(name)))
    return False


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _read_hostfile(path: Path, backend: str | None) -> Ranks:
    """The ranks in a file of MLX's. Raises BadOption."""
    file = read_hostfile(path, backend)
    ranks = []
    for host in file.hosts:
        is_here = bool(host.addresses) and is_own(host.addresses[0])
        ranks.append(Rank(host.ssh, HERE if is_here else host.ssh, host.addresses, host.rdma))
    return Ranks(tuple(ranks), file.backend, file.envs, file.per_host)


def together_with(names: Sequence[str], look_up: Callable[[str], str] | None = None) -> Machines:
    """This machine, as the first, and others: under the address by which the first of them reaches it.

    Raises Unavailable for a name that has no address.
    """
    other = _named(names[0], look_up).addresses[0]
    with socket.socket(_family(other), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((other, 9))  # nothing is sent: the system only chooses the way
        except OSError:
            words = {"machine": names[0], "address": other}
            sentence = say("{machine} cannot be reached: there is no network to {address}.", **words)
            raise Unavailable(sentence) from None
        own = str(probe.getsockname()[0])
    return Machines(hosts=(own, *names))
