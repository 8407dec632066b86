"""Whether the computer has become so hot that it works more slowly.

A Mac tells it by `pmset -g therm`: the share of its speed that a processor is held to, and a warning level where one
was given. One that was never hot prints that nothing has been recorded. Linux has no common place for it.
"""

import re
from dataclasses import dataclass

from core.device import system_tools


@dataclass(frozen=True)
class Heat:
    """What the system says of its heat."""

    speed_percent: int  # of the full speed; 100 is not slowed down
    warning: int = 0  # level; 0 for none

    @property
    def is_slowed(self) -> bool:
        return self.speed_percent < 100 or self.warning > 0

    @property
    def words(self) -> str:
        """The state as a sentence; "" where nothing is slowed down."""
        if not self.is_slowed:
            return ""
        share = f" to {self.speed_percent}% of its speed" if self.speed_percent < 100 else ""
        return f"The computer is hot and slows down{share}: steps take longer. Let air get to it."


def read_heat() -> Heat | None:
    """The state now; None where the system does not tell."""
    return parse_pmset(system_tools.ask(system_tools.PMSET, "-g", "therm")) if system_tools.on_a_mac() else None


def parse_pmset(text: str) -> Heat | None:
    """From `pmset -g therm`."""
    limits = re.findall(r"CPU_(?:Speed|Scheduler)_Limit\s*=\s*(\d+)", text)
    warning = re.search(r"thermal warning level(?: has been recorded)?\s*[:=]\s*(\d+)", text, re.IGNORECASE)
    if not limits and warning is None and "No thermal warning level has been recorded" not in text:
        return None
    return Heat(min((int(limit) for limit in limits), default=100), int(warning[1]) if warning else 0)
