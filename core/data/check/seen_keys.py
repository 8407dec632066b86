"""A set of the rows that have been seen, in eight bytes a row and never more than a set maximum."""

from array import array

import numpy as np

MAX_KEYS = 12_000_000  # rows that are remembered: 128 MiB
_FREE = 0


class SeenKeys:
    """A hash set of row keys with open addressing. It remembers the first `max_keys`; `full` says that it got more."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self.max_keys, self.count, self.full = max_keys, 0, False
        self._slots = array("Q", [_FREE]) * (1 << 12)

    def add(self, key: str) -> bool:
        """Take in a key (hexadecimal, at least 16 digits). Returns whether it was in the set."""
        number = int(key[:16], 16) or 1
        slots, mask = self._slots, len(self._slots) - 1
        slot = number & mask
        while (slot_key := slots[slot]) != _FREE:
            if slot_key == number:
                return True
            slot = (slot + 1) & mask
        if self.count >= self.max_keys:
            self.full = True
            return False
        slots[slot] = number
        self.count += 1
        if 4 * self.count > 3 * len(slots):
            self._grow()
        return False

    def contains(self, key: str) -> bool:
        """Whether a key is in the set."""
        number = int(key[:16], 16) or 1
        slot, mask = number & (len(self._slots) - 1), len(self._slots) - 1
        while (slot_key := self._slots[slot]) not in (_FREE, number):
            slot = (slot + 1) & mask
        return slot_key == number

    def _grow(self) -> None:
        """Double the slots. NumPy moves all keys at once: one by one, millions of them would take seconds."""
        self._slots, old_slots = array("Q", [_FREE]) * (2 * len(self._slots)), self._slots
        slots = np.frombuffer(self._slots, np.uint64)
        keys = np.frombuffer(old_slots, np.uint64)
        keys = keys[keys != _FREE]  # those that are still to be placed
        targets = keys & np.uint64(len(slots) - 1)
        while len(keys):
            is_free = slots[targets] == _FREE
            slots[targets[is_free]] = keys[is_free]  # of several keys for one slot, one gets it
            remaining = slots[targets] != keys
            keys, targets = keys[remaining], (targets[remaining] + np.uint64(1)) & np.uint64(len(slots) - 1)
