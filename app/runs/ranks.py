"""The machines or GPUs that share a run, by the metrics that its steps report of each. No Qt."""

import re
from collections.abc import Iterable, Mapping

from app.desktop.language import localize, tr
from core.methods import ChartSpec, Metric

RANKS = "ranks_"  # begins the keys of their charts
_METRIC = re.compile(r"rank_(\d+)_(tokens_per_second|waiting)")


def describe_ranks(metrics: Mapping[str, float]) -> str:
    """The speed of each rank in the last step and the share of it that it waited; "" for a run of one."""
    parts = []
    for rank in sorted({int(found[1]) for name in metrics if (found := _METRIC.fullmatch(name))}):
        speed, waiting = (metrics.get(f"rank_{rank}_{name}", 0.0) for name in ("tokens_per_second", "waiting"))
        words = {"rank": rank, "speed": localize(f"{speed:,.0f}"), "share": localize(f"{waiting:.0%}")}
        parts.append(tr("Rank {rank}: {speed} tokens/s, waits {share} of the time", **words))
    return " · ".join(parts)


def rank_charts(names: Iterable[str]) -> list[ChartSpec]:
    """A chart of the speed of all ranks, and one of their waiting; none for a run of one."""
    found: dict[str, list[tuple[int, str]]] = {"tokens_per_second": [], "waiting": []}
    for name in names:
        if match := _METRIC.fullmatch(name):
            found[match[2]].append((int(match[1]), name))
    titles = {
        "tokens_per_second": (tr("Ranks"), tr("Tokens a second of each machine or GPU. A step waits for the slowest.")),
        "waiting": (
            tr("Waiting"),
            tr("The share of a step that a machine or GPU waits for the others and the network."),
        ),
    }
    return [
        ChartSpec(f"{RANKS}{kind}", *titles[kind],
                  tuple(Metric(name, tr("rank {rank}", rank=rank)) for rank, name in sorted(members)))
        for kind, members in found.items() if members
    ]  # fmt: skip
