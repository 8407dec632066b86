"""The machines of a run: as named, as a file of MLX's, and what is refused."""

import json
from pathlib import Path

import pytest

from core.distributed.machines import HERE, Machines, is_own, resolve
from core.errors import BadOption, Unavailable

ADDRESSES = {"here": "127.0.0.1", "mini": "192.0.2.7", "studio": "192.0.2.8"}


def look_up(name: str) -> str:
    try:
        return ADDRESSES[name]
    except KeyError:
        raise OSError(name) from None


def test_ranks_alone_are_processes_of_this_machine() -> None:
    found = resolve(Machines(ranks=3))
    assert [(rank.ssh, rank.addresses) for rank in found.ranks] == [(HERE, (HERE,))] * 3
    assert found.per_host == 3 and not found.remote_hosts


def test_hosts_are_looked_up_and_this_machine_needs_no_ssh() -> None:
    found = resolve(Machines(hosts=("here", "me@mini"), ranks=2), look_up)
    assert [rank.name for rank in found.ranks] == ["here", "here", "me@mini", "me@mini"]
    assert [rank.ssh for rank in found.ranks] == [HERE, HERE, "me@mini", "me@mini"]
    assert found.ranks[2].addresses == ("192.0.2.7",) and found.remote_hosts == ["me@mini"]
    assert found.ranks[2].rdma == ()


def test_mlx_hostfile(tmp_path: Path) -> None:
    hosts = [
        {"ssh": "mini", "ips": ["192.0.2.7"], "rdma": [None, "rdma_en2"]},
        {"ssh": "studio", "ips": ["192.0.2.8"], "rdma": ["rdma_en2", None]},
    ]
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps({"backend": "jaccl", "envs": ["MLX_METAL_FAST_SYNCH=1"], "hosts": hosts}))
    found = resolve(Machines(hostfile=str(path)))
    assert found.backend == "jaccl" and found.envs == ("MLX_METAL_FAST_SYNCH=1",)
    told = [{"ssh": r.ssh, "ips": list(r.addresses), "rdma": list(r.rdma)} for r in found.ranks]
    assert told == hosts
    assert resolve(Machines(hostfile=str(path), distributed_backend="ring")).backend == "ring"


@pytest.mark.parametrize(
    ("machines", "sentence"),
    [
        (Machines(hosts=("mini",), hostfile="hosts.json"), "either --hosts or --hostfile"),
        (Machines(hostfile="hosts.json", ranks=2), "one line for each process"),
        (Machines(hostfile="no-such.json"), "there is no such file"),
        (Machines(hosts=("mini",)), "two machines or more"),
        (Machines(hosts=("mini", "mini")), "names a machine twice"),
        (Machines(hosts=("mini", "-oProxyCommand=x")), "no name of a machine"),
        (Machines(hosts=("here", "mini"), distributed_backend="jaccl"), "needs --hostfile"),
    ],
)
def test_refused(machines: Machines, sentence: str) -> None:
    with pytest.raises(BadOption, match=sentence):
        resolve(machines, look_up)


def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(Unavailable, match="nowhere cannot be found in the network"):
        resolve(Machines(hosts=("here", "nowhere")), look_up)


def test_own_addresses() -> None:
    assert is_own("127.0.0.1") and not is_own("192.0.2.7") and not is_own("nonsense")
