"""What an optimizer step adds up over its batches, and over the ranks that share them."""

import threading
from collections.abc import Sequence
from typing import Any

from core.data.batch.batches import Batch
from core.distributed.agreed_stop import AgreedStop
from core.distributed.group import Group
from core.events import Warned
from core.text.sentence import say
from core.training.metrics import MetricMeans
from core.training.train_step import TrainStep


class StepSums:
    """The sums of a step: of losses and metrics by weight, and of tokens."""

    def __init__(self) -> None:
        self.loss = self.weight = 0.0
        self.tokens = self.targets = 0
        self.means = MetricMeans()
        self.by_rank: list[tuple[int, float]] = []  # where there are several: (tokens, share of waiting)

    def add(self, loss: float, metrics: dict[str, Any], weight: float) -> None:
        """Count the result of a batch."""
        self.loss += loss * weight
        self.weight += weight
        self.means.add(metrics, weight)

    @property
    def totals(self) -> dict[str, Any]:
        """The sums in plain values, for merge()."""
        sums = [self.loss, self.weight, self.tokens, self.targets]
        return {"sums": sums, "metrics": self.means.totals}

    def merge(self, totals: dict[str, Any]) -> None:
        """Add those of another rank."""
        loss, weight, tokens, targets = totals["sums"]
        self.loss, self.weight = self.loss + loss, self.weight + weight
        self.tokens, self.targets = self.tokens + tokens, self.targets + targets
        self.means.merge(totals["metrics"])

    def rank_metrics(self, seconds: float) -> dict[str, float]:
        """Tokens per second of each rank in a step of so many seconds, and the share of the last step before that was
        measured in which it waited for others and for the network; empty where there is one rank."""
        metrics = {}
        for rank, (tokens, waiting) in enumerate(self.by_rank):
            metrics[f"rank_{rank}_tokens_per_second"] = tokens / seconds
            metrics[f"rank_{rank}_waiting"] = waiting
        return metrics

    def count(self, batches: Sequence[Batch], train_step: TrainStep) -> None:
        """Count the tokens of some batches."""
        self.tokens += sum(batch.real_tokens for batch in batches)
        self.targets += sum(train_step.count_targets(batch) for batch in batches)


class RankExchange:
    """What the ranks tell each other in every step, at once: sums, wishes to stop, and what a person should know."""

    def __init__(self, group: Group, stop: Any, is_parted: bool = False) -> None:
        """`stop` is an AgreedStop where there are several ranks; with `is_parted` they all compute the same batches."""
        self.group, self._stop, self._is_parted = group, stop, is_parted
        self.save_now = threading.Event()  # set when this rank is asked for a checkpoint
        self._saves = False  # whether one of the ranks was, as of the last exchange
        self.notes: list[tuple[str, str]] = []  # (code, sentence): of this rank, to be told to rank 0
        self._others: list[Warned] = []
        self._waited = group.waited
        self._waiting = 0.0  # share of the step before

    def begin_step(self) -> None:
        """A step begins: what was waited for between steps, at a checkpoint or an evaluation, is no part of it."""
        self._waited = self.group.waited

    def end_step(self, seconds: float, is_measured: bool = True) -> None:
        """A step is over that took so many seconds. `is_measured`: what was waited for in it is known; else it is taken
        to be as in the last step of which it is."""
        if is_measured:
            self._waiting = (self.group.waited - self._waited) / seconds

    def __call__(self, sums: StepSums) -> StepSums:
        """The sums over all ranks. Every rank calls this once in a step. Raises RankFailed."""
        saves = self.save_now.is_set()
        if saves:
            self.save_now.clear()
        told = {
            "totals": sums.totals,
            "wish": self._stop.wish if isinstance(self._stop, AgreedStop) else "",
            "waiting": self._waiting,
            "saves": saves,
            "notes": self.notes,
        }
        self.notes = []
        total = StepSums()
        entries = self.group.gather(told)
        for rank, entry in enumerate(entries):
            before = total.tokens
            total.merge(entry["totals"])
            total.by_rank.append((total.tokens - before, entry["waiting"]))
            self._others += [
                Warned(code, say("{rank}: {sentence}", rank=self.group.name(rank), sentence=sentence))
                for code, sentence in entry["notes"]
            ]
        if self._is_parted:
            total.tokens, total.targets = sums.tokens, sums.targets
        if isinstance(self._stop, AgreedStop):
            self._stop.follow([entry["wish"] for entry in entries])
        self._saves = any(entry["saves"] for entry in entries)
        return total

    def take_save(self) -> bool:
        """Whether a checkpoint is asked for after this step: the same on all ranks."""
        saves, self._saves = self._saves, False
        if self.group.size == 1:
            saves = self.save_now.is_set()
            self.save_now.clear()
        return saves

    def take_notes(self) -> list[Warned]:
        """What the other ranks had to tell, each once."""
        notes, self._others = self._others, []
        return notes
