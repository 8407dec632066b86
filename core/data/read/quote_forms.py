"""How a table writes quotes in its cells, where it does not write them twice as it should: behind a backslash, or
behind a blank that follows the separator. Such lines are put right before they are taken apart."""

import csv
import re
from collections.abc import Callable

_MOST_ROWS = 200  # that are tried
Fix = Callable[[str], str]


def line_fixer(head: str, delimiter: str) -> Fix | None:
    """What makes a line of a table that begins with `head` one with quotes as they should be; None where they are."""
    if '"' not in head or _is_sound(head, delimiter, None):
        return None
    escaped = re.compile(r'\\(["\\])')
    spaced = re.compile(rf'((?:^|{re.escape(delimiter)})[ ]+)(?="(?!")|""[ ]*(?:{re.escape(delimiter)}|$))')
    fixes: list[Fix] = []
    if '\\"' in head:
        fixes.append(lambda line: escaped.sub(lambda match: '""' if match[1] == '"' else "\\", line))
    if spaced.search(head):
        fixes.append(lambda line: spaced.sub(lambda match: match[1].rstrip(" "), line))
    return next((fix for fix in fixes if _is_sound(head, delimiter, fix)), None)


def _is_sound(head: str, delimiter: str, fix: Fix | None) -> bool:
    """Whether the rows that `head` begins with are quoted as they should be and have as many cells as the first."""
    lines = head[: head.rfind("\n") + 1].splitlines() or [head]  # the last one may be cut off
    spaced = re.compile(rf'{re.escape(delimiter)}[ ]+"')
    fixed = [fix(line) if fix else line for line in lines]
    if fix is None and any(spaced.search(line) for line in lines):
        return False
    rows = csv.reader((line + "\n" for line in fixed), delimiter=delimiter, strict=True)
    count = 0
    try:
        for number, cells in enumerate(rows):
            count = count or len(cells)
            if len(cells) > count:
                return False
            if number >= _MOST_ROWS:
                break
    except csv.Error as error:
        return "end of data" in str(error)  # the last row goes on behind the beginning
    return True
