"""The flags that say where a run is done, and what contradicts them."""

import pytest

from core.cli import on_ranks, parser
from core.distributed.machines import Machines
from core.errors import BadOption


def asked(*words: str) -> Machines | None:
    return on_ranks.asked_machines(parser().parse_args(["train", *words]))


def test_the_flags_are_machines() -> None:
    assert asked() is None
    assert asked("--ranks", "1") is None
    assert asked("--hosts", "a,me@b", "--rank-timeout", "5") == Machines(hosts=("a", "me@b"), rank_timeout=5.0)
    assert asked("--ranks", "2", "--distributed-backend", "ring") == Machines(ranks=2, distributed_backend="ring")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--rank-timeout", "5"), "goes with --hosts"),
        (("--hosts", "a,b", "--hostfile", "f"), "either --hosts or --hostfile"),
        (("--ranks", "0"), "at least 1"),
        (("--ranks", "2", "--distributed-backend", "mpi"), "not one of auto, ring"),
    ],
)
def test_refused(words: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(BadOption, match=sentence):
        asked(*words)
