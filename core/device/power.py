"""What the computer runs on, and whether it saves power: a run takes hours of either.

A Mac tells it by `pmset`, Linux in /sys/class/power_supply and by its power profile.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from core.device import system_tools
from core.text.sentence import say

SYS = Path("/sys")


@dataclass(frozen=True)
class Power:
    """The computer's power; None for what is not known."""

    on_battery: bool | None = None
    percent: int | None = None  # of the battery's charge
    saves_power: bool | None = None  # Low Power Mode on a Mac, the profile "low-power" on Linux

    @property
    def sentences(self) -> list[str]:
        """What a person should know before hours of work; none where all is well."""
        sentences: list[str] = []
        if self.on_battery:
            charge = "" if self.percent is None else f" ({self.percent}%)"
            sentences.append(
                say("The computer runs on its battery{charge}: plug it in, a run empties it soon.", charge=charge)
            )
        if self.saves_power:
            sentences.append(say("Low Power Mode is on: every step takes longer."))
        return sentences

    @property
    def words(self) -> str:
        """The state in a few words."""
        source = say("not known") if self.on_battery is None else say("battery") if self.on_battery else say("mains")
        charge = "" if self.percent is None else say(", charged to {percent}%", percent=self.percent)
        saving = say(", Low Power Mode") if self.saves_power else ""
        return say("{source}{charge}{saving}", source=source, charge=charge, saving=saving)


def read_power() -> Power:
    """The state now."""
    if system_tools.on_a_mac():
        battery = system_tools.ask(system_tools.PMSET, "-g", "batt")
        return parse_pmset(battery, system_tools.ask(system_tools.PMSET, "-g"))
    return _read_linux()


def parse_pmset(battery: str, settings: str) -> Power:
    """From `pmset -g batt` and `pmset -g`, which lists the settings in use."""
    source = re.search(r"drawing from '([^']+)'", battery)
    charge = re.search(r"(\d+)%;", battery)
    low_power = re.search(r"^\s*(?:lowpowermode|powermode)\s+(\d+)", settings, re.MULTILINE)
    return Power(
        on_battery=None if source is None else source[1] == "Battery Power",
        percent=int(charge[1]) if charge else None,
        saves_power=None if low_power is None else low_power[1] == "1",  # 2 is High Power Mode
    )


def _read_linux() -> Power:
    batteries, mains = [], []
    for supply in sorted((SYS / "class" / "power_supply").glob("*")):
        kind = _read(supply / "type")
        if kind == "Battery" and _read(supply / "scope") != "Device":  # not that of a mouse
            batteries.append(supply)
        elif kind in ("Mains", "USB", "Wireless"):
            mains.append(supply)
    on_battery = None
    if batteries:
        is_plugged = any(_read(supply / "online") == "1" for supply in mains)
        on_battery = not is_plugged and any(_read(battery / "status") == "Discharging" for battery in batteries)
    elif any(_read(supply / "type") == "Mains" for supply in mains):
        on_battery = False
    percents = [int(text) for text in (_read(battery / "capacity") for battery in batteries) if text.isdigit()]
    profile = _read(SYS / "firmware" / "acpi" / "platform_profile")
    return Power(on_battery, percents[0] if percents else None, profile == "low-power" if profile else None)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
