"""Completions in batches: as large as asked for, and enough of them to be computed side by side."""

from typing import Any

import numpy as np
import pytest

from core.rollouts.collate import collate_rollouts
from core.rollouts.samples_file import Rollout, RolloutGroup


def group(number: int, size: int) -> RolloutGroup:
    rollouts = [
        Rollout(
            ids=(10 * number + k, 2), reward=float(k), logps=(-0.5 - k, -0.25), text="", truncated=False, entropy=1.0
        )
        for k in range(size)
    ]
    return RolloutGroup(1, (3, 4, 5 + number), tuple(rollouts), "", "", number, number)


def collated(groups: list[RolloutGroup], parallel: int) -> list[Any]:
    advantages = np.array([[r.reward - 1.5 for r in g.rollouts] for g in groups])
    options: dict[str, Any] = {"skip_flat": True, "mask_truncated": False, "keep_order": True, "layout": {}}
    return collate_rollouts(groups, advantages, micro_batch_size=8, parallel_batches=parallel, **options)


def contents(batches: list[Any]) -> list[tuple[Any, ...]]:
    """What the loss sees of each completion, whichever batch it is in."""
    names = ("advantage", "kept", "mean_length")
    return sorted(
        (
            tuple(b.tokens[n][: int(b.lengths[n])].tolist()),
            tuple(b.extra["sampled"][n][b.mask[n] > 0].tolist()),
            *(float(b.extra[name][n]) for name in names),
        )
        for b in batches
        for n in range(len(b.rows))
    )


@pytest.mark.parametrize(
    ("sizes", "parallel", "rows"),
    [
        ([8], 1, [8]),
        ([8], 2, [4, 4]),
        ([4, 4], 2, [4, 4]),
        ([5], 2, [3, 2]),
        ([8, 8, 8], 2, [8, 8, 8]),  # there are enough as it is
        ([2], 4, [1, 1]),
    ],
)
def test_there_are_as_many_batches_as_cores(sizes: list[int], parallel: int, rows: list[int]) -> None:
    groups = [group(number, size) for number, size in enumerate(sizes)]
    batches = collated(groups, parallel)
    assert [len(batch.rows) for batch in batches] == rows
    assert contents(batches) == contents(collated(groups, 1))
