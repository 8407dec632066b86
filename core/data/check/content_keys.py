"""Which examples are held out, and which stand on both sides, from their content_key() alone: arrays of keys."""

import random
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]  # [N, 2]


def key_array(keys: Iterable[str]) -> Keys:
    """The array of hexadecimal keys."""
    return key_bytes_array(bytearray().join(map(bytes.fromhex, keys)))


def key_bytes_array(keys: bytes | bytearray) -> Keys:
    """The array of keys that stand one behind the other, of 16 bytes each."""
    return np.frombuffer(keys, np.uint64).reshape(-1, 2)


def choose_held_out(keys: Keys, share: float, seed: int) -> NDArray[np.bool_]:
    """[N]: which examples are held out. Those with the same content land on the same side.

    About `share` (0 to 1) of the examples are held out, chosen at random by `seed`: at least one if `share` is above 0
    and two examples differ; never all of them.
    """
    groups, sizes = _number_groups(keys)
    is_held_out = np.zeros(len(sizes), bool)
    if share <= 0 or len(sizes) < 2:
        return is_held_out[groups]
    target = max(1, round(share * len(keys)))
    order = list(range(len(sizes)))
    random.Random(seed).shuffle(order)
    count = 0
    for group in order[:-1]:  # the last group stays to be trained on
        size = int(sizes[group])
        # A group much larger than what is missing would hold out far more than was asked for.
        if count and count + size > target:
            continue
        is_held_out[group] = True
        count += size
        if count >= target:
            break
    return is_held_out[groups]


def stand_in(keys: Keys, others: Keys) -> NDArray[np.bool_]:
    """[N]: which of the keys stand among the others too."""
    groups, sizes = _number_groups(np.concatenate([others, keys]))
    is_other = np.zeros(len(sizes), bool)
    is_other[groups[: len(others)]] = True
    return is_other[groups[len(others) :]]


def _number_groups(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """([N]: the group of each key, of those that are equal, counted in the order in which they are met; how many keys
    each group has)."""
    order = np.lexsort(keys.T)
    ordered = keys[order]
    is_first = np.concatenate([np.ones(min(1, len(keys)), bool), (ordered[1:] != ordered[:-1]).any(axis=1)])
    by_place = np.argsort(np.argsort(order[is_first]))  # the sort is stable: a group begins with the one met first
    groups = np.empty(len(keys), np.int64)
    groups[order] = by_place[np.cumsum(is_first) - 1]
    return groups, np.bincount(groups, minlength=len(by_place))
