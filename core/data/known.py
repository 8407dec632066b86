"""Which rows have been met before: eight bytes a row, never more than was allowed."""

from array import array

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

    def _grow(self) -> None:
        old, size = self._slots, 2 * len(self._slots)
        slots, mask = array("Q", [_FREE]) * size, size - 1
        for number in old:
            if number != _FREE:
                at = number & mask
                while slots[at] != _FREE:
                    at = (at + 1) & mask
                slots[at] = number
        self._slots = slots
