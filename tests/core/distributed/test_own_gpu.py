"""Each rank of a machine takes a GPU of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.distributed.own_gpu import VISIBLE, nvidia_gpus, own_gpu, take_own_gpu


def ring(folder: Path, *hosts: str) -> list[dict[str, str]]:
    """The environment of each rank on these hosts, as mlx.launch sets it."""
    file = folder / "hosts.json"
    file.write_text(json.dumps([[f"{host}:{23000 + n}"] for n, host in enumerate(hosts)]))
    return [{"MLX_HOSTFILE": str(file), "MLX_RANK": str(rank)} for rank in range(len(hosts))]


def test_ranks_of_one_machine_take_one_each(tmp_path: Path) -> None:
    found = [own_gpu(env, ["0", "1"]) for env in ring(tmp_path, "127.0.0.1", "127.0.0.1")]
    assert found == ["0", "1"]


def test_ranks_of_two_machines_count_their_own(tmp_path: Path) -> None:
    found = [own_gpu(env, ["0", "1"]) for env in ring(tmp_path, "10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2")]
    assert found == ["0", "1", "0", "1"]
    assert [own_gpu(env, ["0", "1"]) for env in ring(tmp_path, "10.0.0.1", "10.0.0.2")] == ["0", "0"]


def test_addresses_of_ipv6(tmp_path: Path) -> None:
    assert [own_gpu(env, ["0", "1"]) for env in ring(tmp_path, "[fe80::1]", "[fe80::2]")] == ["0", "0"]


def test_more_ranks_than_gpus_take_them_in_turn(tmp_path: Path) -> None:
    assert [own_gpu(env, ["0", "1"]) for env in ring(tmp_path, *["127.0.0.1"] * 3)] == ["0", "1", "0"]


def test_of_those_that_are_allowed(tmp_path: Path) -> None:
    both = ring(tmp_path, "127.0.0.1", "127.0.0.1")
    assert [own_gpu(env | {VISIBLE: "3,GPU-8a"}, ["0", "1", "2", "3"]) for env in both] == ["3", "GPU-8a"]
    assert [own_gpu(env | {VISIBLE: only}, ["0", "1"]) for env in both for only in ("1", "")] == [None] * 4


def test_no_choice(tmp_path: Path) -> None:
    both = ring(tmp_path, "127.0.0.1", "127.0.0.1")
    assert [own_gpu(env, gpus) for env in both for gpus in ([], ["0"])] == [None] * 4


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"])
def test_mpi_tells_the_number(name: str) -> None:
    assert own_gpu({name: "1", "OMPI_COMM_WORLD_RANK": "5"}, ["0", "1"]) == "1"


def test_gpus_of_a_machine_by_their_devices(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia10"):
        (tmp_path / name).touch()
    assert nvidia_gpus(tmp_path) == ["0", "1", "2"] and nvidia_gpus(tmp_path / "none") == []


def test_a_process_alone_sees_all() -> None:
    env = {VISIBLE: "0,1"}
    take_own_gpu(env)
    assert env == {VISIBLE: "0,1"}


def test_the_command_line_takes_it(tmp_path: Path) -> None:
    code = f"import os; from core.__main__ import main; main(['methods']); print(os.environ['{VISIBLE}'])"
    env = os.environ | ring(tmp_path, "127.0.0.1", "127.0.0.1")[1] | {VISIBLE: "4,7"}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert said.stdout.splitlines()[-1] == "7", said.stderr
