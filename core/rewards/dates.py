"""Dates and times: texts that look like numbers and are none."""

import re

_DATE = re.compile(r"(?<!\d)(?:(\d{4})([-./])(\d{1,2})\2(\d{1,2})|(\d{1,2})([-./])(\d{1,2})\6(\d{4}))(?!\d)")
_TIME = re.compile(r"(?<!\d)\d{1,2}:\d{2}(?::\d{2})?(?!\d)")


def holds_date(text: str) -> bool:
    """Whether there is a date or a time of day in a text."""
    return bool(_DATE.search(text) or _TIME.search(text))


def find_dates(text: str) -> list[tuple[int, ...]]:
    """The dates in a text as numbers that are equal for equal dates: year, month, day where the order is known, which
    it is not for 3/4/2024."""
    dates: list[tuple[int, ...]] = []
    for year, _, month, day, first, sign, second, last in _DATE.findall(text):
        if year:
            dates.append((int(year), int(month), int(day)))
        elif sign == ".":
            dates.append((int(last), int(second), int(first)))
        else:
            dates.append((int(last), int(first), int(second), 0))
    return dates
