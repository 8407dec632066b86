"""What happens to the computer while a run goes on: it sleeps, runs short of memory, goes on battery, becomes hot.

Asked between two optimizer steps, the system's own programs at intervals. What a person should know is told once, and
again when it comes again.
"""

import time
from collections.abc import Callable

from core.device.heat import read_heat
from core.device.memory_pressure import read_memory_pressure
from core.device.power import read_power
from core.device.sleep import SleepClock, describe
from core.text.sentence import join, say

Note = tuple[str, str]  # (code of a Warned event, sentence)

MEMORY_SECONDS, POWER_SECONDS = 10.0, 60.0  # between two looks
SWAP_GROWTH = 1 << 30  # bytes more than at the start: a Mac swaps long before it calls that critical


class MachineWatch:
    """Looks after the machine of a run."""

    def __init__(self, give_way: Callable[[bool], str], clock: Callable[[], float] = time.monotonic) -> None:
        """`give_way(strongly)` makes room in memory and says what it did, in a few words: "" for nothing."""
        self.metrics: dict[str, float] = {}  # for the curves of a run, once there is something to see
        self._give_way, self._clock = give_way, clock
        self._sleep = SleepClock()
        self._next_memory = self._next_power = clock()
        self._first_swap: int | None = None
        self._told: dict[str, str] = {}  # what was told last, by code

    def look(self) -> list[Note]:
        """What is new."""
        notes, now = self._check_sleep(), self._clock()
        if now >= self._next_memory:
            self._next_memory = now + MEMORY_SECONDS
            notes += self._check_memory()
        if now >= self._next_power:
            self._next_power = now + POWER_SECONDS
            notes += self._check_power() + self._check_heat()
        return notes

    def _check_sleep(self) -> list[Note]:
        seconds = self._sleep.new_seconds()
        return [("slept", say("The computer slept for {seconds}.", seconds=describe(seconds)))] if seconds else []

    def _check_memory(self) -> list[Note]:
        state = read_memory_pressure()
        if state is None:
            return []
        if self._first_swap is None:
            self._first_swap = state.swap_bytes
        if state.level == "normal":
            self._told.pop("memory-pressure", None)
            return []
        grows = state.swap_bytes > self._first_swap + SWAP_GROWTH
        done = self._give_way(state.level == "critical" or grows)
        if not done and "memory-pressure" in self._told:
            return []
        self._told["memory-pressure"] = state.level
        return [("memory-pressure", join(filter(None, (state.words, done)), ": ") + ".")]

    def _check_power(self) -> list[Note]:
        power = read_power()
        kind = f"{power.on_battery} {power.saves_power}"
        if self._told.get("power") == kind:
            return []
        is_first, self._told["power"] = "power" not in self._told, kind
        if power.sentences:
            return [("power", join(power.sentences))]
        return [] if is_first else [("power", say("The computer has its full power again."))]

    def _check_heat(self) -> list[Note]:
        heat = read_heat()
        if heat is None:
            return []
        if heat.is_slowed or heat.state or self.metrics:
            self.metrics = heat.metrics
        was_slowed, self._told["heat"] = self._told.get("heat", "") != "", heat.words
        return [("heat", heat.words)] if heat.is_slowed and not was_slowed else []
