"""Which rows have been met before: eight bytes a row, never more than was allowed."""

from array import array

import numpy as np

MOST = 12_000_000  # rows remembered: 128 MiB
_FREE = 0


class Known:
    """A set of row keys. Beyond `most` of them no more are remembered, and `full` says so."""

    def __init__(self, most: int = MOST) -> None:
        self.most, self.count, self.full = most, 0, False
        self._slots = array("Q", [_FREE]) * (1 << 12)

    def add(self, key: str) -> bool:
        """Takes in a key (hexadecimal, at least 16 digits). Whether it was known."""
        number = int(key[:16], 16) or 1
        slots, mask = self._slots, len(self._slots) - 1
        at = number & mask
        while (there := slots[at]) != _FREE:
            if there == number:
                return True
            at = (at + 1) & mask
        if self.count >= self.most:
            self.full = True
            return False
        slots[at] = number
        self.count += 1
        if 4 * self.count > 3 * len(slots):
            self._grow()
        return False

    def knows(self, key: str) -> bool:
        """Whether a key was taken in."""
        number = int(key[:16], 16) or 1
        at, mask = number & (len(self._slots) - 1), len(self._slots) - 1
        while (there := self._slots[at]) not in (_FREE, number):
            at = (at + 1) & mask
        return there == number

    def _grow(self) -> None:
        """Twice as many slots. All keys go to their new ones together: one by one, millions would take seconds."""
        self._slots, old = array("Q", [_FREE]) * (2 * len(self._slots)), self._slots
        slots = np.frombuffer(self._slots, np.uint64)
        left = np.frombuffer(old, np.uint64)
        left = left[left != _FREE]
        at = left & np.uint64(len(slots) - 1)
        while len(left):
            free = slots[at] == _FREE
            slots[at[free]] = left[free]  # of several that want one slot, one gets it
            missed = slots[at] != left
            left, at = left[missed], (at[missed] + np.uint64(1)) & np.uint64(len(slots) - 1)
