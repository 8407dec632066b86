"""A rank that is lost while a model in parts computes ends the others with a sentence that names it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.distributed.ranks import ring
from tests.core.model import zoo

Process = subprocess.Popen[bytes]


@pytest.fixture
def ranks(tmp_path: Path) -> Iterator[list[Process]]:
    """Two ranks that write an answer without an end, of which something has come."""
    folder = zoo.write(tmp_path / "qwen2", "qwen2")
    words = ["chat", "--model", str(folder), "--backend", "cpu", "--prompt", "Hello", "--max-tokens", "1000000"]
    own = {"HONE_SHARDING": "tensor", "HONE_RANK_TIMEOUT": "3", "HONE_HOSTS": "studio,mini"}
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "core", *words],
            env=env | own | {"PYTHONPATH": str(Path(__file__).parents[3])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for env in ring(2, tmp_path)
    ]
    assert started[0].stdout is not None
    assert started[0].stdout.readline() == b"The model is parted by tensors over 2 ranks.\n"
    assert started[0].stdout.read(4)
    yield started
    for process in started:
        process.kill()
        process.communicate()


def ending(process: Process) -> str:
    _, error = process.communicate(timeout=100)
    assert process.returncode == 2, error
    return error.decode().strip().splitlines()[-1]


def test_a_killed_rank_ends_the_answer(ranks: list[Process]) -> None:
    ranks[1].kill()
    assert ending(ranks[0]).startswith("hone: mini (rank 1) has ended unexpectedly.")


def test_a_rank_that_stands_still_ends_the_answer(ranks: list[Process]) -> None:
    ranks[1].send_signal(signal.SIGSTOP)
    assert ending(ranks[0]).startswith("hone: mini (rank 1) gives no sign of life for 3 s.")
