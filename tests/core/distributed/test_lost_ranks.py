"""A rank that dies, hangs or never comes ends the others within a stated time, with a sentence that names it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.distributed.ranks import ring

CODE = """
import os, sys
from core.distributed.session import at_forced_end, joined
from core.training.endings import explain_failure

def told(sentence):
    print(sentence, flush=True)

try:
    with at_forced_end(told), joined() as session:
        import mlx.core as mx
        mx.set_default_device(mx.cpu)
        print("joined", flush=True)
        while True:
            session.group.all_sum(mx.ones(4))
except RuntimeError as error:
    told(session.explain(error))
    sys.exit(2)
"""


class Rank:
    def __init__(self, env: dict[str, str], timeout: float) -> None:
        env = env | {"HONE_RANK_TIMEOUT": str(timeout), "HONE_HOSTS": "studio,mini"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, "-c", CODE], env=env, stdout=pipe, stderr=pipe, text=True)

    def wait_until_joined(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line == "joined\n", line

    def ending(self) -> tuple[int, str, str]:
        """(exit code, what it said last, what it said on stderr) once it has ended."""
        said, errors = self.process.communicate(timeout=100)
        return self.process.returncode, said.strip(), errors


@pytest.fixture
def started() -> Iterator[list[Rank]]:
    ranks: list[Rank] = []
    yield ranks
    for rank in ranks:
        rank.process.kill()
        rank.process.communicate()


def start_two(started: list[Rank], folder: Path, timeout: float) -> tuple[Rank, Rank]:
    started += [Rank(env, timeout) for env in ring(2, folder)]
    for rank in started:
        rank.wait_until_joined()
    return started[0], started[1]


def test_a_killed_rank_ends_the_first_at_once(tmp_path: Path, started: list[Rank]) -> None:
    first, second = start_two(started, tmp_path, 10_000.0)  # seconds, which nothing here can wait for
    second.process.kill()
    code, said, _ = first.ending()
    assert (code, said) == (2, "mini (rank 1) has ended unexpectedly.")  # nothing was saved


def test_a_rank_that_stands_still_ends_the_first_after_the_timeout(tmp_path: Path, started: list[Rank]) -> None:
    first, second = start_two(started, tmp_path, 3.0)
    second.process.send_signal(signal.SIGSTOP)
    code, said, _ = first.ending()
    expected = "mini (rank 1) gives no sign of life for 3 s."
    assert (code, said) == (2, expected)


def test_a_rank_that_never_comes(tmp_path: Path, started: list[Rank]) -> None:
    started.append(Rank(ring(2, tmp_path)[0], 2.0))
    code, said, errors = started[0].ending()
    assert said == "" and code == -signal.SIGKILL  # MLX holds the interpreter while it waits
    assert errors == "hone: Not all machines of this run have joined within 2 s.\n"
