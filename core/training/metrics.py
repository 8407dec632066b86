"""Means over several batches, each batch counting by its weight."""

from collections.abc import Mapping, Sequence
from typing import Any


class MetricMeans:
    """Gathers the metrics of a method's loss, by name.

    A plain number is the batch's mean and counts by the batch's weight. A pair (sum, count) brings a weight of its
    own, for what not every row of a batch has; a metric that nothing was counted for is left out.
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, float] = {}

    def add(self, metrics: Mapping[str, Any], weight: float) -> None:
        for name, value in metrics.items():
            total, count = (float(v) for v in value) if isinstance(value, tuple) else (float(value) * weight, weight)
            self._sums[name] = self._sums.get(name, 0.0) + total
            self._counts[name] = self._counts.get(name, 0.0) + count

    @property
    def totals(self) -> dict[str, list[float]]:
        """{name: [the weighted sum, the weights]}, for merge()."""
        return {name: [total, self._counts[name]] for name, total in self._sums.items()}

    def merge(self, totals: Mapping[str, Sequence[float]]) -> None:
        """Add what another has gathered."""
        for name, (total, count) in totals.items():
            self.add({name: (total, count)}, 0.0)

    def means(self) -> dict[str, float]:
        means = {name: self._sums[name] / count for name, count in self._counts.items() if count}
        # Where good and bad answers are different rows, no batch knows the margin between their means.
        if "margin" not in self._counts and {"chosen_reward", "rejected_reward"} <= means.keys():
            means["margin"] = means["chosen_reward"] - means["rejected_reward"]
        return means
