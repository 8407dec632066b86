"""Which rank computes which rows: worked out by hand."""

import pytest

from core.data.batch.shares import BatchShare, Share, share_batches, split_rows


def share(lengths: list[list[int]], ranks: int) -> list[list[BatchShare]]:
    return [share_batches(lengths, Share(rank, ranks)) for rank in range(ranks)]


def test_whole_batches_go_to_the_rank_with_the_least_to_do() -> None:
    # Tokens with padding: 8, 6, 4 and 1. The first round gives 8 and 6; the 4 goes to the rank that has the 6.
    lengths = [[1], [4, 4], [3, 3], [4]]
    first, second = share(lengths, 2)
    assert [part.batch for part in first] == [0, 1] and [part.batch for part in second] == [2, 3]
    assert not any(part.is_split for part in (*first, *second))


def test_of_a_batch_that_is_split_the_larger_part_goes_to_the_rank_with_the_least_to_do() -> None:
    # The first is split into a row of 6 and two of 4; the others, of 5 and of 1, are dealt whole before.
    lengths = [[6, 4, 4], [5], [1]]
    first, second = share(lengths, 2)
    assert first == [BatchShare(0, [0], True), BatchShare(1, [0], False)]
    assert second == [BatchShare(0, [1, 2], True), BatchShare(2, [0], False)]


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_every_row_is_computed_once(ranks: int) -> None:
    lengths = [[7, 3], [1, 1, 9], [4], [2, 8, 5, 5]]
    seen = sorted((part.batch, row) for parts in share(lengths, ranks) for part in parts for row in part.rows)
    assert seen == [(b, r) for b, rows in enumerate(lengths) for r in range(len(rows))]


def test_rows_in_parts_of_about_the_same_size() -> None:
    assert split_rows([6, 4, 4], 2) == [[1, 2], [0]]
    assert split_rows([5], 3) == [[0], [], []]
