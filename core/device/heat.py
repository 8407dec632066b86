"""Whether the computer has become so hot that it works more slowly.

A Mac tells it as NSProcessInfo's thermal state: 0 nominal, 1 fair (the fans may be heard), 2 serious (slowed down),
3 critical. Where that cannot be asked, `pmset -g therm` tells the share of its speed that a processor is held to, and a
warning level where one was given; one that was never hot prints that nothing has been recorded, and Apple silicon often
prints no more than that. Linux has no common place for it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.device import system_tools
from core.device.objective_c import Send, runtime
from core.text.sentence import say

STATES = (say("nominal"), say("fair"), say("serious"), say("critical"))
SLOWED = STATES.index("serious")


@dataclass(frozen=True)
class Heat:
    """What the system says of its heat."""

    speed_percent: int = 100  # of the full speed; 100 is not slowed down
    warning: int = 0  # level; 0 for none
    state: int | None = None  # in STATES; None where it is not told

    @property
    def is_slowed(self) -> bool:
        return self.speed_percent < 100 or self.warning > 0 or (self.state or 0) >= SLOWED

    @property
    def metrics(self) -> dict[str, float]:
        """What a curve is drawn of."""
        if self.state is not None:
            return {"thermal_state": float(self.state)}
        return {"computer_speed_percent": float(self.speed_percent)}

    @property
    def words(self) -> str:
        """The state as a sentence; "" where nothing is slowed down."""
        if not self.is_slowed:
            return ""
        share = (
            say(" to {speed_percent}% of its speed", speed_percent=self.speed_percent)
            if self.speed_percent < 100
            else ""
        )
        state = say(" (thermal state: {states})", states=STATES[self.state]) if self.state is not None else ""
        return say(
            "The computer is hot{state} and slows down{share}: steps take longer. Let air get to it.",
            state=state,
            share=share,
        )


def read_heat() -> Heat | None:
    """The state now; None where the system does not tell."""
    if not system_tools.on_a_mac():
        return None
    return read_thermal_state() or parse_pmset(system_tools.ask(system_tools.PMSET, "-g", "therm"))


def read_thermal_state(load: Callable[[], Send] = runtime) -> Heat | None:
    """From NSProcessInfo; None where it cannot be asked, or says what is not known here."""
    try:
        send = load()
        process = send("NSProcessInfo", "processInfo")
        if not process:
            return None
        state = send(process, "thermalState") or 0
    except (OSError, AttributeError):  # no such library, or none of its functions in it
        return None
    return Heat(state=state) if state < len(STATES) else None


def parse_pmset(text: str) -> Heat | None:
    """From `pmset -g therm`."""
    limits = re.findall(r"CPU_(?:Speed|Scheduler)_Limit\s*=\s*(\d+)", text)
    warning = re.search(r"thermal warning level(?: has been recorded)?\s*[:=]\s*(\d+)", text, re.IGNORECASE)
    if not limits and warning is None and "No thermal warning level has been recorded" not in text:
        return None
    return Heat(min((int(limit) for limit in limits), default=100), int(warning[1]) if warning else 0)
