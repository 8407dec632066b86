"""What a maximum length does to the rows of a dataset, in words."""

from typing import TYPE_CHECKING

from app.desktop.language import tr, tr_count
from app.widgets.histogram import LENGTH_STEP

if TYPE_CHECKING:  # brings in NumPy
    from core.data.preview.lengths import Lengths


def describe_cut(lengths: "Lengths", limit: int) -> str:
    """What a maximum of `limit` tokens does to the rows, in words."""
    truncated, empty, count = lengths.count_cut(limit), lengths.count_without_targets(limit), len(lengths.longest)
    if not truncated and not empty:
        return tr("cuts no row")

    def share(rows: int) -> str:
        return tr("about {share:.1%} of the rows", share=rows / count)

    if lengths.is_complete:
        words = tr_count("cuts {count:,} row", "cuts {count:,} rows", truncated)
    else:
        words = tr("cuts {rows}", rows=share(truncated))
    if empty and lengths.is_complete:
        words += "; " + tr_count(
            "{count:,} row has nothing left to learn", "{count:,} rows have nothing left to learn", empty
        )
    elif empty:
        words += "; " + tr("{rows} have nothing left to learn", rows=share(empty))
    return words


def smallest_maximum(longest: int) -> int:
    """The smallest maximum that cuts no row, a multiple of STEP, where the longest row has `longest` tokens."""
    return max(LENGTH_STEP, -(-longest // LENGTH_STEP) * LENGTH_STEP)
