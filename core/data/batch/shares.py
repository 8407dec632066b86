"""Which rows of an optimizer step each rank computes, where several share it.

Whole batches are dealt as long as every rank gets as many; the rest are split by their rows. Every rank works this out
for itself, from the rows' lengths alone.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Share(NamedTuple):
    """One rank of several."""

    rank: int
    ranks: int


class BatchShare(NamedTuple):
    """What a rank computes of one batch."""

    batch: int  # index of the batch in its step
    rows: list[int]  # positions in the batch; may be none
    is_split: bool  # whether other ranks have the other rows


def share_batches(lengths: Sequence[Sequence[int]], share: Share) -> list[BatchShare]:
    """What a rank computes of a step, from the tokens of each row of each batch, in the order of the batches.

    Of a batch that is split every rank has an entry.
    """
    cost = [max(batch) * len(batch) for batch in lengths]
    by_cost = sorted(range(len(lengths)), key=lambda b: -cost[b])
    split, dealt = by_cost[: len(lengths) % share.ranks], by_cost[len(lengths) % share.ranks :]
    loads = [0] * share.ranks
    shares: list[BatchShare] = []
    for first in range(0, len(dealt), share.ranks):  # to each rank one: the largest to that with the least
        for batch, rank in zip(dealt[first : first + share.ranks], _least_first(loads), strict=True):
            loads[rank] += cost[batch]
            if rank == share.rank:
                shares.append(BatchShare(batch, list(range(len(lengths[batch]))), is_split=False))
    for batch in split:
        for part, rank in zip(split_rows(lengths[batch], share.ranks), _least_first(loads), strict=True):
            loads[rank] += max((lengths[batch][r] for r in part), default=0) * len(part)
            if rank == share.rank:
                shares.append(BatchShare(batch, part, is_split=True))
    return sorted(shares)


def split_rows(lengths: Sequence[int], ranks: int) -> list[list[int]]:
    """Positions of a batch's rows in one part for each rank, which take about as long as each other; the largest first.

    Where there are fewer rows than ranks some parts have none.
    """
    parts: list[list[int]] = [[] for _ in range(ranks)]
    for r in sorted(range(len(lengths)), key=lambda r: -lengths[r]):
        smallest = min(parts, key=lambda part, r=r: lengths[(part or [r])[0]] * (len(part) + 1))  # type: ignore[misc]
        smallest.append(r)
    parts.sort(key=lambda part: -(lengths[part[0]] * len(part) if part else 0))
    return [sorted(part) for part in parts]


def _least_first(loads: Sequence[int]) -> list[int]:
    """The ranks, that with the least to do first."""
    return sorted(range(len(loads)), key=lambda rank: loads[rank])
