"""A dry run of several ranks: what each of them would do. None is started, and no weights are read."""

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from core.data.batch.batches import Batches
from core.data.batch.groups import longest_text, row_texts
from core.data.batch.shares import Share
from core.device.select import select
from core.distributed.backends import check_backend
from core.distributed.group import Group
from core.distributed.host_check import check_hosts
from core.distributed.machines import Machines, Ranks, resolve
from core.events import Event
from core.model.sharding import Sharding, describe
from core.run import Run
from core.run.needed_files import needed_files
from core.text.sentence import Sentence, join, say
from core.training.data_setup import prepare_data
from core.training.memory_setup import plan_memory
from core.training.ranks import check_for_ranks
from core.training.sharded import choose_sharding
from core.training.stopping import until_stopped

LOOKED_AT = 100  # steps whose rows are counted


@dataclass(frozen=True)
class RankShare:
    """What a rank would do in a step."""

    machine: str
    rows: float  # of a step, the mean
    most_rows: int  # that go through the model at once
    tokens: float  # share of those of all ranks; the same for all where each computes everything
    memory: tuple[int, int] | None  # bytes, estimated: low and high


@dataclass(frozen=True)
class RankPlan:
    """What a run on several ranks would do."""

    steps: int
    rows: int  # of a whole step; prompts where the model writes the answers
    sharding: str  # how the model is parted, in a sentence; "" where each rank has it whole
    exchanged_bytes: int | None  # of a step: an adapter's gradient; None for other weights
    ranks: list[RankShare]

    @property
    def sentences(self) -> list[Sentence]:
        """For people, a line each."""
        steps = say("1 step") if self.steps == 1 else say("{steps:,} steps", steps=self.steps)
        first = say(
            "{steps} of {rows} rows each, on {count} ranks.", steps=steps, rows=self.rows, count=len(self.ranks)
        )
        told = [join([first, self.sharding]) if self.sharding else first]
        told += [_describe(number, rank, self.rows) for number, rank in enumerate(self.ranks)]
        if self.exchanged_bytes is not None:
            size = f"{self.exchanged_bytes / 1e6:,.1f}"
            told.append(say("In every step the ranks add up {size} MB of gradients.", size=size))
        return [
            *told,
            say("No rank was started. Without --ranks and --hosts a dry run also measures the time of a step."),
        ]


class PlannedGroup(Group):
    """Ranks that are not there: each is taken to be as this machine is."""

    def __init__(self, ranks: Ranks) -> None:
        self.size, self.names = len(ranks.ranks), [rank.name for rank in ranks.ranks]

    def gather(self, value: Any) -> list[Any]:
        return [value] * self.size


def plan_ranks(run: Run, machines: Machines, stop: threading.Event | None = None) -> Generator[Event, None, RankPlan]:
    """What each of the ranks would do, by the data and the files of the model on this machine.

    Yields the phases and warnings of preparing the data. Raises what a run on them raises before its ranks start.
    """
    stop, ranks = stop or threading.Event(), resolve(machines)
    check_backend(ranks)
    run = run.check().with_absolute_paths()
    group = PlannedGroup(ranks)
    check_for_ranks(run, group)
    check_hosts(ranks.remote_hosts, needed_files(run), run.model.path)
    data = yield from until_stopped(prepare_data(run), stop)
    device = str(select(run.backend)["used"])
    wanted, per_machine = machines.sharding, max(1, ranks.per_host)
    sharding = choose_sharding(run, data.model_folder, device, group, wanted, per_machine)
    shares = [_share(run, data.batches, rank, group.size, sharding) for rank in range(group.size)]
    memory: dict[int, dict[str, int] | None] = {}  # by the rows that go through the model at once
    for _, most, _ in shares:
        if most not in memory:
            part = run if run.spec.on_policy else run.replace("train.batch_size", max(1, most))
            _, facts = yield from plan_memory(part, data, device, sharding)
            memory[most] = facts.estimate
    tokens = sum(share[2] for share in shares) or 1
    whole = run.train.batch_size * run.train.gradient_accumulation_steps
    return RankPlan(
        steps=data.total_steps,
        rows=min(whole, len(data.dataset.train)),
        sharding=describe(sharding, sharding.way) if sharding else "",
        exchanged_bytes=_adapter_bytes(memory[shares[0][1]]),
        ranks=[
            RankShare(name, rows, most, 1.0 if sharding else count / tokens, _range(memory[most]))
            for name, (rows, most, count) in zip(group.names, shares, strict=True)
        ],
    )


def _share(run: Run, batches: Batches, rank: int, count: int, sharding: Sharding | None) -> tuple[float, int, int]:
    """(rows of a step, the most that go through the model at once, tokens of all steps that are looked at)."""
    batches.share = None if sharding or run.spec.on_policy else Share(rank, count)
    steps = min(batches.steps_per_epoch, LOOKED_AT)
    rows, most, tokens = 0, 0, 0
    for step in range(1, steps + 1):
        parts = [part.mine for part in batches.parts(step)]
        if run.spec.on_policy:  # one prompt after the other goes to the next rank, see core.rollouts.collector
            parts = [[row for part in parts for row in part][rank::count]]
        rows += sum(map(len, parts))
        most = max([most, *map(len, parts)])
        tokens += sum(len(row_texts(batches.rows[i])) * longest_text(batches.rows[i]) for part in parts for i in part)
    return rows / steps, most, tokens


def _adapter_bytes(estimate: dict[str, int] | None) -> int | None:
    return (estimate or {}).get("adapter") or None


def _range(estimate: dict[str, int] | None) -> tuple[int, int] | None:
    return None if estimate is None else (estimate["low"], estimate["high"])


def _describe(number: int, rank: RankShare, whole: int) -> Sentence:
    words = {"machine": rank.machine, "number": number, "rows": f"{rank.rows:.3g}", "share": rank.tokens}
    told = say(
        "{machine} (rank {number}): {rows} of {whole} rows a step, {share:.0%} of the tokens", whole=whole, **words
    )
    if rank.memory is None:
        return told + "."
    low, high = (f"{size / 1e9:.2f}" for size in rank.memory)
    return say("{told}; {low} to {high} GB of memory.", told=told, low=low, high=high)
