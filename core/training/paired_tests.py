"""Whether two measurements on the same rows differ by more than chance: paired tests, exact where that is quick."""

import math
from collections.abc import Sequence

EXACT_ROWS = 14  # up to so many rows every combination of signs is looked at, 16,384 of them
DRAWS = 20_000  # combinations that are drawn at random for more rows
CLEAR = 0.05  # a difference with a smaller p is more than chance


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p of McNemar's exact test, which is the sign test on the rows that only one of two solves.

    `wins` are the rows that only the second solves, `losses` those that only the first does; the others say nothing.
    """
    n, least = wins + losses, min(wins, losses)
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(least + 1))
    return min(1.0, float(2 * tail / 2**n))  # whole numbers divided: exact for any n


def sign_flip_test(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of Fisher's randomization test: how often the mean difference is as large with random signs.

    If two models were equally good, the difference on each row might as well have the other sign. `differences` are
    those of each row, finite numbers. All signs are tried for up to EXACT_ROWS rows, DRAWS seeded ones for more, of
    which what was measured counts as one; p is then at least 1 / (DRAWS + 1).
    """
    import numpy as np  # here: the window reads this module's words before it is drawn

    values = np.asarray(differences, np.float64)
    values = values[values != 0]
    if not len(values):
        return 1.0
    measured = abs(values.sum())
    limit = measured - 1e-9 * np.abs(values).sum()  # sums in another order differ by rounding
    if len(values) <= EXACT_ROWS:
        bits = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
        return float(np.mean(np.abs((2 * bits - 1) @ values) >= limit))
    rng = np.random.default_rng(seed)
    extreme, drawn = 0, 0
    while drawn < DRAWS:
        count = min(DRAWS - drawn, max(1, 4_000_000 // len(values)))  # 32 MB of signs at once
        signs = 2 * rng.integers(0, 2, (count, len(values)), dtype=np.int8) - 1
        extreme += int(np.sum(np.abs(signs.astype(np.float64) @ values) >= limit))
        drawn += count
    return (extreme + 1) / (DRAWS + 1)


def format_p(p: float) -> str:
    """A p for people: "p = 0.03", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"
