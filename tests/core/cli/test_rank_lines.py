"""What a terminal shows of several ranks: which there are, what connects them and why, and how each does in a step."""

import dataclasses

from core.cli.progress import lines
from core.events import Started, Step

CHOICE = {"requested": "auto", "used": "cpu", "device": "A processor", "reason": "there is no GPU"}
RANKS = {
    "count": 2,
    "rows": 8,
    "ranks": [{"host": "studio"}, {"host": "mini"}],
    "link": {"requested": "auto", "used": "ring", "reason": "TCP connects any machines"},
    "sharding": {"requested": "tensor", "used": "tensor", "reason": "as asked"},
}


def test_the_ranks_are_told_at_the_start() -> None:
    numbers = {f.name: 0 for f in dataclasses.fields(Started)}
    values = numbers | {"backend": CHOICE, "precision": CHOICE, "memory": {}, "folder": "run"}
    told = list(lines(Started(**values | {"ranks": RANKS})))
    assert told[3:6] == [
        "Ranks: 2, 8 rows a step; studio (rank 0), mini (rank 1)",
        "Link: auto → ring: TCP connects any machines",
        "Parts of the model: tensor → tensor: as asked",
    ]
    assert not any("rank" in line or "Link" in line for line in lines(Started(**values | {"ranks": {}})))


def test_a_step_tells_the_speed_and_the_waiting_of_each() -> None:
    metrics = {"accuracy": 0.5, "rank_0_tokens_per_second": 1234.0, "rank_0_waiting": 0.25}
    metrics |= {"rank_1_tokens_per_second": 800.0, "rank_1_waiting": 0.0}
    values = {f.name: 0 for f in dataclasses.fields(Step)}
    (line,) = lines(Step(**values | {"metrics": metrics}))
    assert line.endswith("  accuracy 0.5  ranks 1,234 | 800 tok/s, waiting 25% | 0%")
    (alone,) = lines(Step(**values | {"metrics": {"accuracy": 0.5}}))
    assert alone.endswith("  accuracy 0.5")
