"""Numbers as people write them. No Qt."""

import math

from app.desktop.language import localize

_DIGITS = 3  # that count
_LONGEST = 9  # characters of a number that is written out


def format_plain(value: float) -> str:
    """A number with three digits that count: 0.0002, 0.265, 12.3, 1,240; 2.1e-08 where that would be too long."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = _DIGITS - 1 - math.floor(math.log10(abs(value)))
    if places <= 0:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{places}f}"
        text = text.rstrip("0").rstrip(".") if places > _DIGITS - 1 else text
    return localize(text if len(text) <= _LONGEST else f"{value:.1e}")
