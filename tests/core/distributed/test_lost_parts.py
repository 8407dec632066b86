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


def start(folder: Path, words: list[str]) -> list[Process]:
    """Two ranks that do the same with a model that they share."""
    own = {"HONE_SHARDING": "tensor", "HONE_RANK_TIMEOUT": "15", "HONE_HOSTS": "studio,mini"}
    own["PYTHONPATH"] = str(Path(__file__).parents[3])
    pipe = subprocess.PIPE
    command = [sys.executable, "-P", "-m", "core", *words, "--backend", "cpu"]
    return [
        subprocess.Popen(command, env=env | own, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        for env in ring(2, folder)
    ]


def wait_for(process: Process, text: bytes) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(process.stderr and process.stderr.read())


def end(ranks: list[Process]) -> None:
    for process in ranks:
        process.kill()
        process.communicate()


@pytest.fixture
def ranks(tmp_path: Path) -> Iterator[list[Process]]:
    """Two ranks that write an answer without an end, of which something has come."""
    folder = zoo.write(tmp_path / "qwen2", "qwen2")
    started = start(tmp_path, ["chat", "--model", str(folder), "--prompt", "Hello", "--max-tokens", "1000000"])
    try:
        wait_for(started[0], b"The model is parted by tensors over 2 ranks.")
        assert started[0].stdout is not None and started[0].stdout.read(4)
        yield started
    finally:
        end(started)


def ending(process: Process) -> str:
    _, error = process.communicate(timeout=100)
    assert process.returncode == 2, error
    return error.decode().strip().splitlines()[-1]


def test_a_killed_rank_ends_the_answer(ranks: list[Process]) -> None:
    ranks[1].kill()
    assert ending(ranks[0]).startswith("hone: mini (rank 1) has ended unexpectedly.")


@pytest.mark.slow
def test_a_rank_that_stands_still_ends_the_answer(ranks: list[Process]) -> None:
    ranks[1].send_signal(signal.SIGSTOP)
    assert ending(ranks[0]).startswith("hone: mini (rank 1) gives no sign of life for 15 s.")


@pytest.mark.slow
def test_a_rank_that_stands_still_ends_the_run(tmp_path: Path) -> None:
    folder, run = zoo.write(tmp_path / "qwen2", "qwen2"), tmp_path / "run"
    options = ["--steps", "100000", "--eval-every", "100000", "--save-every", "2", "--samples", "0"]
    ranks = start(tmp_path, ["train", "--model", str(folder), "--output", str(run), "--max-seq-len", "64", *options])
    try:
        wait_for(ranks[0], b"step     4")
        ranks[1].send_signal(signal.SIGSTOP)
        assert ending(ranks[0]).startswith("hone: mini (rank 1) gives no sign of life for 15 s. The run can go on")
        assert (run / "checkpoints").is_dir() and any((run / "checkpoints").iterdir())
    finally:
        end(ranks)
