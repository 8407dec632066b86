"""The machines or GPUs that share a run, by the metrics that its steps report of each. No Qt."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.desktop.language import tr
from core.distributed.machines import is_this_machine
from core.methods import ChartSpec, Metric

RANKS = "ranks_"  # begins the keys of their charts
_METRIC = re.compile(r"rank_(\d+)_(tokens_per_second|waiting)")


def rank_names(ranks: Mapping[str, Any]) -> list[str]:
    """What people call each rank, by the section "ranks" of resolved.json: its machine, and a number where that has
    several; none where the section is empty."""
    hosts = [_host_name(str(rank["host"])) for rank in ranks.get("ranks", [])]
    return [
        tr("{machine} (rank {rank})", machine=host, rank=n) if hosts.count(host) > 1 else host
        for n, host in enumerate(hosts)
    ]


@functools.cache
def _host_name(host: str) -> str:
    """A machine as it was named; this one, which others know by an address, in words."""
    return tr("This computer") if is_this_machine(host) else host


def describe_ranks(metrics: Mapping[str, float], ranks: Mapping[str, Any]) -> str:
    """Which ranks share a run, and what of the last step each computed, how fast, and for how much of it it waited; ""
    for a run of one. `ranks` is the section "ranks" of resolved.json, empty in old runs."""
    names, parts = rank_names(ranks), []
    numbers = sorted({int(found[1]) for name in metrics if (found := _METRIC.fullmatch(name))})
    is_parted = ranks.get("parted", False)  # then each computes all tokens
    sum_of_all = sum(metrics.get(f"rank_{rank}_tokens_per_second", 0.0) for rank in numbers) or 1.0
    for rank in numbers:
        speed, waiting = (metrics.get(f"rank_{rank}_{name}", 0.0) for name in ("tokens_per_second", "waiting"))
        share = 1.0 if is_parted else speed / sum_of_all
        parts.append(
            tr(
                "{machine}: {share:.0%} of the tokens, {speed:,.0f} tokens/s, waits {waiting:.0%} of the time",
                machine=_rank_name(rank, names), share=share, speed=speed, waiting=waiting,
            )
        )  # fmt: skip
    if parts and ranks:
        words = {"count": ranks["count"], "link": ranks["backend"], "rows": ranks["rows"]}
        if is_parted:
            parts.insert(0, tr("{count} ranks over {link}, each with a part of the model", **words))
        else:
            parts.insert(0, tr("{count} ranks over {link}, {rows:,} rows a step", **words))
    return " · ".join(parts)


def _rank_name(rank: int, names: Sequence[str]) -> str:
    return names[rank] if rank < len(names) else tr("Rank {rank}", rank=rank)


def rank_charts(metrics: Iterable[str], names: Sequence[str] = ()) -> list[ChartSpec]:
    """A chart of the speed of all ranks, and one of their waiting; none for a run of one."""
    found: dict[str, list[tuple[int, str]]] = {"tokens_per_second": [], "waiting": []}
    for name in metrics:
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
                  tuple(Metric(name, _rank_name(rank, names)) for rank, name in sorted(members)))
        for kind, members in found.items() if members
    ]  # fmt: skip
