"""Answers instead of a dataset: the loop asks for the batches of a step, and they are written there and then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch
from core.errors import BadData, Unavailable
from core.methods._policy import Options
from core.model.log_probs import to_mlx, token_logps
from core.rollouts.collate import lay
from core.rollouts.collector import Collected, Collector, figures, weighed
from core.rollouts.prompts import Query
from core.rollouts.samples_file import Asked, read, steps

FIRST = 5  # sets of answers after which a reward that never changed is told
FAILED = 3  # sets of answers in a row without any score, after which the run ends
TOLD = 3  # failures of a reward file that are told
# Which reward says that a question is solved, where several are there: the first of these.
SOLVES = ("numeric", "exact", "file", "regex", "json", "tags", "format", "length")

Reference = Callable[[], AbstractContextManager[Any]]


class Rollouts:
    """The training questions as optimizer steps; what core.data.batch.batches.Batches is to rows.

    A set of answers is used for `num_iterations` steps. Which questions a step asks, and the chance in their answers,
    follow from the seed and the step alone; the answers in use at a checkpoint are taken from samples.jsonl.
    """

    def __init__(
        self,
        collector: Collector,
        rows: Sequence[Query],
        held_out: Sequence[Query],
        *,
        head: Any,
        together: int,
        per_step: int,
        seed: int,
        shuffle: bool,
        samples: Path,
        reference: Reference | None,
        layout: dict[str, Any],
        replay: list[list[Asked]],
    ) -> None:
        self.o: Options = collector.o
        self.collector, self.rows, self.held_out = collector, rows, held_out[: self.o.eval_questions]
        self.together = together  # answers that go through the model as one batch
        self.head, self.per_step, self.seed, self.shuffle = head, per_step, seed, shuffle
        self.samples, self.reference, self.layout = samples, reference, layout
        self.notes: list[tuple[str, str]] = []  # (code, sentence) that nobody has told yet
        self._replay = replay
        self.steps_per_epoch = (len(replay) or -(-len(rows) // per_step)) * self.o.num_iterations
        self._number = -1  # of the set of answers in use, from 0
        self._batches: list[Batch] = []
        self._metrics: dict[str, float] = {}
        self._epoch, self._order = -1, list[int]()
        self._spread: dict[str, set[float]] = {}  # the first two values of each reward
        self._failed = self._told = self._gave_up = 0

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1. Raises Stopped, and Unavailable without any score."""
        number = (step - 1) // self.o.num_iterations
        self._metrics = {"sampling_seconds": 0.0} | {k: v for k, v in self._metrics.items() if k != "sampling_seconds"}
        if number != self._number:
            first = number * self.o.num_iterations + 1
            learning = self.collector.model.training
            self.collector.model.eval()  # without dropout
            self._use(self._recorded(number, first) or self._asked(number, first))
            self.collector.model.train(learning)
            self._number = number
        return self._batches

    def metrics(self) -> dict[str, float]:
        """Metrics of the answers that the last window was made of."""
        return self._metrics

    def solve(self) -> tuple[dict[str, float], int]:
        """({"solved": share of the held-out questions, ...}, answer tokens), by greedy answers.

        Raises Stopped between two tokens when the run is asked to stop.
        """
        self.collector.model.eval()
        answers = self.collector.greedy(self.held_out)
        rule = next(name for name in SOLVES if name in self.collector.judge.weights)
        verdicts = self.collector.judge(answers).verdicts
        right = [name.scores[rule].value > 0.5 for name in verdicts if rule in name.scores]
        lengths = [a.tokens for a in answers]
        found = {"answer_length": float(np.mean(lengths)), "cut_off": float(np.mean([a.cut for a in answers]))}
        return {"solved": sum(right) / len(answers), **found}, sum(lengths)

    def close(self) -> None:
        self.collector.judge.close()

    def _use(self, collected: Collected) -> None:
        """Make the batches."""
        o = self.o
        groups, advantages = weighed(collected.kept, o.scale_rewards)
        collected.kept = groups
        everything = [*groups, *collected.thrown]
        self._metrics = figures(everything) | {"sampling_seconds": collected.seconds}
        if o.dynamic_sampling and not self._replay:
            self._metrics["thrown_groups"] = float(len(collected.thrown))
        batches = lay(
            groups,
            advantages,
            together=self.together,
            # bnpo counts by what is in a batch, so that nothing may be missing from it
            skip=not o.beta and o.loss_type != "bnpo",
            drop_cut=o.overlong_filter,
            in_order=not self.shuffle,
            layout=self.layout,
        )
        self._batches = [self._measured(batch) for batch in batches]

    def _measured(self, batch: Batch) -> Batch:
        """The batch with what the reference says of it and, where they are not known, the sampling probabilities."""
        extra = dict(batch.extra)
        if np.isnan(extra["sampled"]).any():
            extra["sampled"] = np.array(token_logps(self.collector.model, to_mlx(batch), self.head))
        if self.reference is not None:
            with self.reference():
                extra["reference"] = np.array(token_logps(self.collector.model, to_mlx(batch), self.head))
        mx.clear_cache()
        return replace(batch, extra=extra)

    def _asked(self, number: int, step: int) -> Collected:
        """New answers, or the replayed ones; written to samples.jsonl."""
        if self._replay:
            groups = self._replay[number % len(self._replay)]
            collected = Collected([replace(a, step=step) for a in groups], [], 0.0, [])
        else:
            seed = [self.seed, number]
            collected = self.collector.collect(
                step,
                self._places(number),
                self.rows,
                seed,
                lambda round_, count: self._others(number, round_, count),
            )
        self._watch(number, collected)
        groups, _ = weighed(collected.kept, self.o.scale_rewards)
        with self.samples.open("a", encoding="utf-8") as file:
            file.writelines(a.to_json() + "\n" for a in (*groups, *collected.thrown))
        return collected

    def _recorded(self, number: int, step: int) -> Collected | None:
        """The answers that a resumed run was learning from: those that samples.jsonl has for this step."""
        if self._number >= 0 or not self.samples.exists():
            return None
        mine = [a for a in read(self.samples) if a.step == step]
        kept = [a for a in mine if a.kept]
        return Collected(kept, [a for a in mine if not a.kept], 0.0, []) if kept else None

    def _places(self, number: int) -> list[int]:
        """Which questions a set of answers is about: every question once an epoch, in an order by the seed."""
        return [self._place(n) for n in range(number * self.per_step, (number + 1) * self.per_step)]

    def _place(self, n: int) -> int:
        epoch, at = divmod(n, len(self.rows))
        if not self.shuffle:
            return at
        if epoch != self._epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows))
            self._epoch, self._order = epoch, [int(i) for i in order]
        return self._order[at]

    def _others(self, number: int, round_: int, count: int) -> list[int]:
        """Questions for a refill, by chance."""
        drawn = np.random.default_rng([self.seed, number, round_]).integers(0, len(self.rows), count)
        return [int(i) for i in drawn]

    def _watch(self, number: int, collected: Collected) -> None:
        """Notice what a person should know. Raises when a person's reward scores nothing at all."""
        asked = [*collected.kept, *collected.thrown]
        if collected.problems:
            lost = all(not np.isfinite(a.rewards).any() for a in asked)
            self._failed = self._failed + 1 if lost else 0
            if lost and number == 0:
                raise BadData(collected.problems[0])
            if self._failed == FAILED:
                raise Unavailable(f"{collected.problems[0].rstrip('.')}, {FAILED} times in a row. The run ends here.")
            self._told += 1
            if self._told <= TOLD:
                last = " Further failures are not told." if self._told == TOLD else ""
                self.notes.append(("reward", f"{collected.problems[0]} These answers are left out.{last}"))
        if collected.gave_up:
            self._gave_up += 1
            if self._gave_up == 1:
                some = f"After {self.o.refills} refills, step {asked[0].step} still lacks groups with a difference"
                self.notes.append(("refill", f"{some}; it learns from fewer. Later steps like it are not told."))
        if number < FIRST:
            for name, value in _values(asked):
                seen = self._spread.setdefault(name, set())
                if len(seen) < 2:
                    seen.add(round(value, 9))
        if number == FIRST - 1:
            self.notes += _constant(self._spread)


def _values(asked: Sequence[Asked]) -> Iterator[tuple[str, float]]:
    for reply in (r for a in asked for r in a.replies):
        if np.isfinite(reply.reward):
            yield "", reply.reward
        yield from reply.scores.items()


def _constant(spread: dict[str, set[float]]) -> list[tuple[str, str]]:
    """What to say of rewards that gave every answer the same score."""
    same = {name: next(iter(seen)) for name, seen in spread.items() if len(seen) == 1 and name != "overlong"}
    if "" in same:
        score = f"every answer of the first {FIRST} rounds got the same score ({same['']:g})"
        return [("constant-reward", f"There is nothing to learn from so far: {score}. Check the reward and the data.")]
    return [
        ("constant-reward", f"The reward {name!r} gave every answer of the first {FIRST} rounds the score {value:g}.")
        for name, value in same.items()
    ]


def replayed(path: Path, vocabulary: int) -> list[list[Asked]]:
    """The sets of answers of a samples.jsonl, in order. Raises BadData when it cannot be used with this vocabulary."""
    found = steps(read(path, vocabulary))
    if not found:
        raise BadData(f"{path} holds no recorded answers.")
    return found
