"""What a group's rewards say about each answer: advantages, groups without a difference, and the overlong penalty."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def compute_advantages(rewards: NDArray[np.floating], scale: str) -> NDArray[np.float64]:
    """How much better each answer is than its group: [R, G] from rewards [R, G] of R groups of G answers.

    (reward - mean) / (deviation + 1e-4), with the sample deviation (ddof 1), as TRL computes it. `scale` says whose
    deviation: "group", "batch" (all rewards of the step), or "none". An answer without a reward (NaN) does not count
    for its group and has the advantage 0; so have the empty places of a smaller group, and groups whose rewards are
    all equal.
    """
    advantages = np.full_like(rewards, np.nan, dtype=np.float64)
    for i, group in enumerate(rewards):
        scored = group[~np.isnan(group)]
        if len(scored):
            advantages[i] = group - scored.mean()
        if scale == "group":
            advantages[i] /= _deviation(scored) + 1e-4
    if scale == "batch":
        advantages /= _deviation(rewards[~np.isnan(rewards)]) + 1e-4
    advantages[find_flat_groups(rewards)] = 0.0
    return np.nan_to_num(advantages, nan=0.0)


def find_flat_groups(rewards: NDArray[np.floating]) -> NDArray[np.bool_]:
    """[R] of rewards [R, G]: True for a group that teaches nothing, with equal rewards or fewer than two of them."""
    scored_groups = [group[~np.isnan(group)] for group in rewards]
    return np.array([len(g) < 2 or bool(np.ptp(g) <= 1e-9) for g in scored_groups])


def _deviation(values: NDArray[np.floating]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def overlong_penalties(lengths: Sequence[int], longest: int, buffer: int, penalty: float) -> list[float]:
    """The soft penalty of each length in tokens (DAPO, arXiv:2503.14476, equation 13).

    It is 0 up to longest - buffer, then falls linearly to -penalty at the longest length; a buffer of 0 means none.
    """
    if not buffer:
        return [0.0] * len(lengths)
    return [-penalty * min(1.0, max(0.0, (n - (longest - buffer)) / buffer)) for n in lengths]
