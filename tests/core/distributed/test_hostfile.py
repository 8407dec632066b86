"""MLX's file of machines: what is read of it, and the line and the reason where something is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.distributed.hostfile import read_hostfile
from core.errors import BadOption

A, B, C = ({"ssh": name, "ips": [f"192.0.2.{n}"]} for n, name in enumerate("abc"))


def written(path: Path, *hosts: dict[str, Any], **more: Any) -> Path:
    """A file with every host on a line of its own, from the third on."""
    lines = ",\n".join(json.dumps(host) for host in hosts)
    keys = "".join(f', "{key}": {json.dumps(value)}' for key, value in more.items())
    path.write_text(f'{{"hosts":\n[\n{lines}\n]\n{keys}}}\n')
    return path


def rdma(*devices: str | None) -> dict[str, Any]:
    return {"rdma": list(devices)}


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ('[{"ssh": "a"},\n{"ssh": "b"\n', 3, "this is no JSON (expecting ',' delimiter)"),
        ("\n{}", 1, "a list of machines is missing, "),
        ('["a", "b"]', 1, 'a machine needs "ssh", the name by which ssh knows it'),
        ('[{"ssh": "a", "ips": ["10.0.0.1"]},\n\n {"ips": []}]', 3, 'a machine needs "ssh"'),
        ('[{"ssh": "a"}, {"ssh": "-x"}]', 1, "'-x' is no name of a machine"),
        ('[{"ssh": 1}, {"ssh": 2}]', 1, "1 is no name of a machine"),
        ('[{"ssh": "a"},\n{"ssh": "b", "ips": ["b.local"]}]', 2, "'b.local' is no IP address"),
        ('[{"ssh": "a"},\n{"ssh": "b", "ips": "10.0.0.1"}]', 2, '"ips" is a list of addresses'),
        ('[{"ssh": "a", "ips": ["10.0.0.1"]},\n{"ssh": "b"}]', 2, 'b needs an address in "ips", for ring'),
        ('[{"ssh": "a"}, {"ssh": "b"},\n{"ssh": "c", "rdma": 7}]', 2, '"rdma" is a list of devices'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "hosts.json"
    path.write_text(text)
    with pytest.raises(BadOption) as raised:
        read_hostfile(path)
    assert str(raised.value).startswith(f"{path}, line {line}: {problem}") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("hosts", "more", "line", "problem"),
    [
        ([A, B], {"backend": "mpi"}, 6, "there is no backend 'mpi'; there are ring, jaccl, jaccl-ring, nccl"),
        ([A, B], {"envs": ["A=1", "no value"]}, 6, 'envs is a list of texts such as "NAME=VALUE"'),
        ([{"ssh": "a"}, B], {"backend": "nccl"}, 3, 'a needs an address in "ips", for nccl'),
        ([A, B, B], {"backend": "nccl"}, 5, "for nccl each machine takes as many entries as the others"),
        ([A, B], {"backend": "jaccl"}, 3, '"rdma" of a takes an entry for each of the 2 machines'),
        ([A | rdma(None, "x"), B | rdma("x", "y")], {"backend": "jaccl"}, 4, '"rdma" of b has to be null for itself'),
        ([A | rdma(None, "x"), B | rdma(None, None)], {"backend": "jaccl"}, 4, '"rdma" of b names no device to a'),
    ],
)
def test_what_a_backend_lacks(hosts: list[Any], more: dict[str, Any], line: int, problem: str, tmp_path: Path) -> None:
    path = written(tmp_path / "hosts.json", *hosts, **more)
    with pytest.raises(BadOption) as raised:
        read_hostfile(path)
    assert str(raised.value).startswith(f"{path}, line {line}: {problem}")


def test_a_file_with_one_machine(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"hosts\.json names fewer than two machines\.$"):
        read_hostfile(written(tmp_path / "hosts.json", A))


def test_a_ring_of_rdma_needs_neighbours_alone(tmp_path: Path) -> None:
    devices = [(None, "x", None, "y"), ("x", None, "y", None), (None, "x", None, "y"), ("x", None, "y", None)]
    hosts = [A, B, C, {"ssh": "d"}]
    path = written(tmp_path / "hosts.json", *(host | rdma(*d) for host, d in zip(hosts, devices, strict=True)))
    assert read_hostfile(path, "jaccl-ring").backend == "jaccl-ring"
    with pytest.raises(BadOption, match='"rdma" of a names no device to c'):
        read_hostfile(path, "jaccl")


@pytest.mark.parametrize(("hosts", "count"), [([A, A, B, B], 2), ([A, B], 1), ([A, B, A, B], 1), ([A, A], 2)])
def test_processes_of_a_machine(hosts: list[Any], count: int, tmp_path: Path) -> None:
    """By which MLX gives each its own GPU over NCCL."""
    assert read_hostfile(written(tmp_path / "hosts.json", *hosts)).per_host == count
