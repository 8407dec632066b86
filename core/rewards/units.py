"""Units of measure: what is compared when both of two values have one."""

import re
from fractions import Fraction
from typing import NamedTuple


class Unit(NamedTuple):
    """What a unit measures, and how many of the basic unit it is."""

    quantity: str
    size: Fraction


def _units(quantity: str, **sizes: str) -> dict[str, Unit]:
    return {name: Unit(quantity, Fraction(size)) for name, size in sizes.items()}


_UNITS = {
    **_units("length", mm="0.001", cm="0.01", dm="0.1", m="1", km="1000", inch="0.0254", ft="0.3048", mile="1609.344"),
    **_units("length", centimeter="0.01", meter="1", metre="1", kilometer="1000", inches="0.0254", feet="0.3048"),
    **_units("length", centimeters="0.01", meters="1", metres="1", kilometers="1000", miles="1609.344", foot="0.3048"),
    **_units("mass", mg="0.001", g="1", kg="1000", gram="1", grams="1", kilogram="1000", kilograms="1000"),
    **_units("mass", tonne="1000000", tonnes="1000000"),
    **_units("volume", ml="0.001", mL="0.001", cl="0.01", l="1", L="1", liter="1", liters="1", litre="1", litres="1"),
    **_units("time", ms="0.001", s="1", sec="1", min="60", h="3600", second="1", minute="60", hour="3600", day="86400"),
    **_units("time", seconds="1", minutes="60", hours="3600", days="86400", Sekunde="1", Minute="60", Stunde="3600"),
    **_units("time", Sekunden="1", Minuten="60", Stunden="3600", Tag="86400", Tage="86400"),
    "$": Unit("dollars", Fraction(1)),
    "€": Unit("euros", Fraction(1)),
    "£": Unit("pounds", Fraction(1)),
}
_BEHIND = re.compile(r"\d\s?(?:\\[,; ])?\s?(?:\\(?:text|mathrm|mbox)\s*\{\s*)?([a-zA-Z]{1,12}|[$€£])(?![a-zA-Z^²³/])")
_BEFORE = re.compile(r"([$€£])\s?\d")
UNIT_BEHIND = re.compile(r"\s?(?:[a-zA-Z]{1,12}|[€£$])(?![a-zA-Z^²³/])")


def unit_of(text: str) -> Unit | None:
    """The unit that stands beside a number; None where there is none that is known."""
    match = _BEHIND.search(text) or _BEFORE.search(text)
    return _UNITS.get(match[1]) if match else None


def with_unit(number: str, behind: str) -> str:
    """A number with the unit that the text behind it begins with, if it is a known one."""
    match = UNIT_BEHIND.match(behind)
    return number + match.group() if match and match.group().strip() in _UNITS else number
