"""What resolved.json and report.md say of several ranks: which machines, by which link, and what each of them did."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from core.distributed.group import Group
from core.distributed.machines import is_this_machine
from core.distributed.session import link_choice
from core.events import Event, Started, Step
from core.model.sharding import Sharding
from core.resolved import RankFacts, RanksFacts
from core.run import Run
from core.text.sentence import say
from core.training.sharded import sharding_choice

DROPOUT = say(
    "With dropout each rank draws by itself which inputs it leaves out: the losses differ from "
    "those of a run on one rank as they do with another seed."
)


def rank_facts(run: Run, group: Group, sharding: Sharding | None = None) -> RanksFacts | None:
    """The ranks of a run before its first step; None where it is done by one. `sharding` is how its model is parted."""
    if group.size == 1:
        return None
    rows = run.train.batch_size * run.train.gradient_accumulation_steps
    own = socket.gethostname()  # a folder that is copied says "this machine", or an address, of another one
    return RanksFacts(
        group.size,
        group.backend,
        rows,
        [RankFacts(own if is_this_machine(name) else name) for name in group.names],
        sharding is not None,
        DROPOUT if run.adapter.dropout else None,
        link_choice(os.environ, group.backend),
        sharding_choice(sharding),
    )


def measured(facts: RanksFacts, events: Sequence[Event]) -> RanksFacts:
    """The same with what each rank did in the steps since the run was started, or resumed, the last time."""
    last = max((n for n, event in enumerate(events) if isinstance(event, Started)), default=-1)
    steps = [event for event in events[last + 1 :] if isinstance(event, Step)]
    if not steps:
        return facts
    earlier = [event for event in events[:last] if isinstance(event, Step) and event.step < steps[0].step]
    ends = [earlier[-1].seconds if earlier else 0.0, *(step.seconds for step in steps)]
    seconds = [end - start for start, end in pairwise(ends)]
    whole = sum(seconds)
    ranks = []
    for n, rank in enumerate(facts.ranks):
        speeds, waits = (
            [step.metrics.get(f"rank_{n}_{name}", 0.0) for step in steps] for name in ("tokens_per_second", "waiting")
        )
        tokens = sum(speed * took for speed, took in zip(speeds, seconds, strict=True))
        waited = sum(share * took for share, took in zip(waits, seconds, strict=True))
        ranks.append(replace(rank, share=tokens, tokens_per_second=tokens / whole, waiting=waited / whole))
    total = sum(rank.share or 0.0 for rank in ranks) or 1.0
    shares = [1.0 if facts.parted else (rank.share or 0.0) / total for rank in ranks]
    return replace(facts, ranks=[replace(rank, share=share) for rank, share in zip(ranks, shares, strict=True)])


def describe_choice(choice: Mapping[str, str]) -> str:
    """requested → used: reason."""
    return f"{choice['requested']} → {choice['used']}: {choice['reason']}"


def describe_ranks(ranks: Mapping[str, Any]) -> str:
    """The section "ranks" of resolved.json in one line."""
    parts = []
    for n, rank in enumerate(ranks["ranks"]):
        does = ""
        if "share" in rank:
            speed = f"{rank['tokens_per_second']:,.0f} tokens/s"
            does = f": {rank['share']:.0%} of the tokens, {speed}, waited {rank['waiting']:.0%} of the time"
        parts.append(f"{rank['host']} (rank {n}){does}")
    way = f"{ranks['backend']}, each with a part of the model" if ranks["parted"] else ranks["backend"]
    return f"{ranks['count']} over {way}, {ranks['rows']:,} rows a step; {'; '.join(parts)}"
