"""MLX's file of machines, as `mlx.launch --hostfile` takes it: what it says, or which line is wrong, and why.

It is a list of {"ssh", "ips", "rdma"}, or {"backend", "envs", "hosts"} with that list in it.
"""

import ipaddress
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any, NoReturn

from core.errors import BadOption
from core.text.reasons import json_reason
from core.text.sentence import say

BACKENDS = ("auto", "ring", "jaccl", "jaccl-ring", "nccl")  # MPI starts its processes itself
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


@dataclass(frozen=True)
class Host:
    """A process of a run, as the file names it."""

    ssh: str
    addresses: tuple[str, ...]
    rdma: tuple[Any, ...]  # the devices to every process; None for itself
    line: int


@dataclass(frozen=True)
class Hostfile:
    """What the file says."""

    hosts: tuple[Host, ...]
    backend: str | None  # one of BACKENDS
    envs: tuple[str, ...]  # NAME=VALUE, for every process

    @property
    def per_host(self) -> int:
        """Processes of each machine; 1 where they are not as many on each, one behind the other."""
        runs = [len(list(hosts)) for _, hosts in groupby(host.ssh for host in self.hosts)]
        names = {host.ssh for host in self.hosts}
        return runs[0] if len(set(runs)) == 1 and len(runs) == len(names) else 1


def read_hostfile(path: Path, asked: str | None = None) -> Hostfile:
    """The processes in a file; `asked` is the backend that was asked for, over the file's own.

    Raises BadOption with one sentence, which names the file and, where there is one, the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise BadOption(say("{path} cannot be read: {reason}.", path=path, reason=error)) from None
    except json.JSONDecodeError as error:
        _refuse(path, error.lineno, say("this is no JSON ({reason})", reason=json_reason(error)))
    except (ValueError, RecursionError) as error:
        _refuse(path, 1, say("this is no JSON ({reason})", reason=error))
    values = found if isinstance(found, dict) else {"hosts": found}
    if not isinstance(values.get("hosts"), list):
        _refuse(path, 1, say('a list of machines is missing, each with "ssh" and "ips"'))
    lines = chain(_element_lines(text, is_inside=isinstance(found, dict)), repeat(1))
    hosts = tuple(_read_host(path, line, host) for line, host in zip(lines, values["hosts"], strict=False))
    if len(hosts) < 2:
        raise BadOption(say("{path} names fewer than two machines.", path=path))
    named, envs = values.get("backend") or None, values.get("envs") or []
    if asked is None and named not in (None, *BACKENDS[1:]):
        there = ", ".join(BACKENDS[1:])
        _refuse(
            path,
            _line_of(text, "backend"),
            say("there is no backend {name!r}; there are {there}", name=named, there=there),
        )
    if not isinstance(envs, list) or not all(isinstance(env, str) and _NAME.match(env) for env in envs):
        _refuse(path, _line_of(text, "envs"), say('envs is a list of texts such as "NAME=VALUE"'))
    hostfile = Hostfile(hosts, asked or named, tuple(envs))
    _check_addresses(path, hostfile)
    return hostfile


def _refuse(path: Path, line: int, problem: str) -> NoReturn:
    raise BadOption(say("{path}, line {line}: {problem}.", path=path, line=line, problem=problem)) from None


def _read_host(path: Path, line: int, values: Any) -> Host:
    if not isinstance(values, dict) or "ssh" not in values:
        _refuse(path, line, say('a machine needs "ssh", the name by which ssh knows it'))
    name, addresses, rdma = values["ssh"], values.get("ips") or [], values.get("rdma") or []
    if not isinstance(name, str) or not name or name.startswith("-") or any(c.isspace() or c == "," for c in name):
        _refuse(path, line, say("{name!r} is no name of a machine", name=name))
    if not isinstance(addresses, list):
        _refuse(path, line, say('"ips" is a list of addresses'))
    for address in addresses:
        if not _is_address(address):
            _refuse(path, line, say("{address!r} is no IP address", address=address))
    if not isinstance(rdma, list) or not all(d is None or isinstance(d, str | list) for d in rdma):
        _refuse(path, line, say('"rdma" is a list of devices, with null for the machine itself'))
    return Host(name, tuple(addresses), tuple(rdma), line)


def _is_address(value: Any) -> bool:
    with suppress(ValueError):
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    return False


def _check_addresses(path: Path, hostfile: Hostfile) -> None:
    """Raise BadOption where the backend needs addresses or devices that are not there."""
    hosts, backend = hostfile.hosts, hostfile.backend or "ring"
    for host in hosts if backend == "ring" else hosts[:1]:
        if not host.addresses:
            _refuse(
                path,
                host.line,
                say('{machine} needs an address in "ips", for {backend}', machine=host.ssh, backend=backend),
            )
    names = [host.ssh for host in hosts]
    if backend == "nccl" and hostfile.per_host == 1 and len(set(names)) < len(names):
        line = next(host.line for n, host in enumerate(hosts) if host.ssh in names[:n])
        _refuse(path, line, say("for nccl each machine takes as many entries as the others, one behind the other"))
    for n, host in enumerate(hosts if backend.startswith("jaccl") else []):
        around = {(n - 1) % len(hosts), (n + 1) % len(hosts)} if backend == "jaccl-ring" else {*range(len(hosts))}
        if len(host.rdma) != len(hosts):
            words = {"machine": host.ssh, "count": len(hosts)}
            _refuse(
                path,
                host.line,
                say('"rdma" of {machine} takes an entry for each of the {count} machines, null for itself', **words),
            )
        if host.rdma[n] is not None:
            _refuse(
                path,
                host.line,
                say('"rdma" of {machine} has to be null for itself, at place {place}', machine=host.ssh, place=n + 1),
            )
        for other in sorted(around - {n}):
            if host.rdma[other] is None:
                _refuse(
                    path,
                    host.line,
                    say('"rdma" of {machine} names no device to {other}', machine=host.ssh, other=hosts[other].ssh),
                )


def _line_of(text: str, key: str) -> int:
    """The line of a key."""
    found = re.search(rf'"{key}"\s*:', text)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _element_lines(text: str, is_inside: bool) -> list[int]:
    """The lines on which the elements of the list of machines begin; `is_inside` an object, under "hosts"."""
    begin = re.compile(r'"hosts"\s*:\s*\[' if is_inside else r"\s*\[").search(text)
    if begin is None:  # the key is spelled with escapes
        return []
    place, lines, decoder = begin.end(), list[int](), json.JSONDecoder()
    while True:
        while text[place] in " \t\r\n,":
            place += 1
        if text[place] == "]":
            return lines
        lines.append(text.count("\n", 0, place) + 1)
        _, place = decoder.raw_decode(text, place)
