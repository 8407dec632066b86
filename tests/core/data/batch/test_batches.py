"""Batches: every row once an epoch, padding never a target, and an order that follows from the seed alone."""

from dataclasses import dataclass

import numpy as np
import pytest

from core.data.batch.batches import Batches, _split_evenly, batch_by_length, collate


@dataclass
class Row:
    tokens: np.ndarray
    mask: np.ndarray


def row(length: int) -> Row:
    mask = np.ones(length, dtype=np.int8)
    mask[: length // 2] = 0
    return Row(np.arange(1, length + 1, dtype=np.int32), mask)


ROWS = [row(2 + (i * 7) % 19) for i in range(23)]


def test_padding_is_no_target_and_the_mask_moves_with_the_targets() -> None:
    batch = collate([row(3), row(6)], [0, 1])
    assert batch.tokens.shape == (2, 9) and batch.mask.shape == (2, 8)
    assert batch.tokens[0].tolist() == [1, 2, 3, 0, 0, 0, 0, 0, 0]
    # Row 0 learns tokens 1 and 2 (of 0..2); the mask says so at the positions that predict them.
    assert batch.mask[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]
    assert batch.mask[1].tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert batch.real_tokens == 9


def test_every_row_once_an_epoch_the_last_batch_included() -> None:
    for shuffle in (True, False):
        batches = Batches(ROWS, batch_size=4, accumulation=2, shuffle=shuffle, seed=1)
        assert batches.steps_per_epoch == 3
        epoch = [r for step in (1, 2, 3) for b in batches.window(step) for r in b.rows]
        assert sorted(epoch) == list(range(23))
        if not shuffle:
            assert epoch == list(range(23))


def test_the_order_follows_from_seed_and_step_alone() -> None:
    def order(seed: int, steps: range) -> list[tuple[int, ...]]:
        batches = Batches(ROWS, batch_size=4, accumulation=1, shuffle=True, seed=seed)
        return [b.rows for step in steps for b in batches.window(step)]

    all_batches = order(5, range(1, 19))
    assert order(5, range(10, 19)) == all_batches[9:]
    assert order(6, range(1, 19)) != all_batches
    assert all_batches[:6] != all_batches[6:12]  # each epoch anew


def test_rows_of_like_length_stand_together() -> None:
    batches = Batches(ROWS, batch_size=4, accumulation=1, shuffle=True, seed=0)
    padded = sum(b.tokens.size for step in range(1, 7) for b in batches.window(step))
    unsorted = sum(b.tokens.size for i in range(0, 23, 4) for b in [collate(ROWS, list(range(i, min(i + 4, 23))))])
    assert padded < unsorted


def test_for_evaluation_all_rows_once() -> None:
    assert sorted(r for b in batch_by_length(ROWS, 5) for r in b.rows) == list(range(23))


@pytest.mark.parametrize(
    ("lengths", "max_tokens", "expected"),
    [
        ([9, 8, 8, 7], 100, [[0, 3], [1, 2]]),  # two parts, about alike
        ([9, 8, 8, 7], 9, [[0], [1], [2], [3]]),  # of nine tokens at max_tokens
        ([50, 5, 5, 5], 100, [[0], [1, 2, 3]]),
        ([7, 6, 5], 12, [[1, 2], [0]]),
        ([40], 9, [[0]]),  # a row is never cut
    ],
)
def test_parts_for_two_lanes_are_split_evenly(lengths: list[int], max_tokens: int, expected: list[list[int]]) -> None:
    assert _split_evenly(dict(enumerate(lengths)), 2, max_tokens) == expected


def test_a_batch_in_parts_holds_the_same_rows_and_no_part_is_too_large() -> None:
    batches = Batches(ROWS, batch_size=6, accumulation=1, shuffle=True, seed=0)
    all_batches = [batches.window(step) for step in range(1, 5)]
    batches.max_tokens = 40
    for step, (batch,) in enumerate(all_batches, 1):
        window = batches.window(step)
        assert sorted(i for part in window for i in part.rows) == sorted(batch.rows)
        assert all(len(part.rows) * max(part.lengths) <= 40 for part in window)
    assert any(len(batches.window(step)) > 1 for step in range(1, 5))
    batches.max_tokens = 3  # a row is never cut
    assert all(len(part.rows) == 1 for part in batches.window(1))
