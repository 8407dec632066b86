"""What a maximum length does to the rows of a dataset, in words."""

from typing import TYPE_CHECKING

from app.widgets.histogram import LENGTH_STEP

if TYPE_CHECKING:  # brings in NumPy
    from core.data.preview.lengths import Lengths


def describe_cut(lengths: "Lengths", limit: int) -> str:
    """What a maximum of `limit` tokens does to the rows, in words."""
    truncated, empty, count = lengths.cut(limit), lengths.nothing_left(limit), len(lengths.longest)
    if not truncated and not empty:
        return "cuts no row"
    approximately = "" if lengths.all else "about "

    def rows(n: int) -> str:
        if lengths.all:
            return f"{n:,} row{'' if n == 1 else 's'}"
        return f"{n / count:.1%} of the rows"

    words = f"cuts {approximately}{rows(truncated)}"
    if empty:
        verb = "has" if empty == 1 and lengths.all else "have"
        words += f"; {approximately}{rows(empty)} {verb} nothing left to learn"
    return words


def smallest_maximum(longest: int) -> int:
    """The smallest maximum that cuts no row, a multiple of STEP, where the longest row has `longest` tokens."""
    return max(LENGTH_STEP, -(-longest // LENGTH_STEP) * LENGTH_STEP)
