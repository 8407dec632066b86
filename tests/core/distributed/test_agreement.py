"""Ranks that are not alike are told by name, and what differs."""

import pytest

from core.distributed.agreement import agree
from core.errors import Unavailable

WORDS = {"mlx": "the version of mlx", "model": "the model", "dataset": "the dataset", "held_out": "the held-out rows"}
ALIKE = {"mlx": "0.32.4", "model": "a" * 64, "dataset": "b" * 64, "held_out": "c" * 64}


def test_alike() -> None:
    agree([ALIKE, ALIKE, ALIKE], ["studio", "mini", "air"], WORDS)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"mlx": "0.32.5"}, "The version of mlx (0.32.4 and 0.32.5) is not the same on studio and air."),
        ({"model": "d" * 64}, "The model is not the same on studio and air."),
        ({"held_out": "d" * 64}, "The held-out rows are not the same on studio and air."),
        (
            {"model": "d" * 64, "dataset": None, "mlx": "0.33"},
            "The version of mlx (0.32.4 and 0.33), the model and the dataset are not the same on studio and air.",
        ),
    ],
)
def test_differences(other: dict[str, str | None], sentence: str) -> None:
    with pytest.raises(Unavailable) as raised:
        agree([ALIKE, ALIKE, ALIKE | other], ["studio", "mini", "air"], WORDS)
    assert str(raised.value) == sentence


def test_two_ranks_of_one_machine_are_told_apart() -> None:
    with pytest.raises(Unavailable, match=r"on here \(rank 0\) and here \(rank 1\)"):
        agree([ALIKE, ALIKE | {"model": ""}], ["here", "here"], WORDS)
