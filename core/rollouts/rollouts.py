"""Batches of sampled completions in place of a dataset: they are sampled when the training loop asks for a step."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch
from core.data.batch.shares import Share
from core.errors import BadData
from core.files.atomic_files import append
from core.files.file_errors import explain
from core.memory.rows_at_once import learned_at_once
from core.methods._policy import Options
from core.model.lm_head import LMHead
from core.model.log_probs import FixedLogps
from core.model.parted_logps import PartedLogps
from core.rewards.answer import Answer
from core.rollouts.collate import collate_rollouts, share_rollouts
from core.rollouts.collector import CollectedGroups, Collector, add_advantages, group_metrics
from core.rollouts.prompts import Prompt
from core.rollouts.reward_monitor import RewardMonitor
from core.rollouts.samples_file import RolloutGroup, groups_by_step, parse_group, read_samples
from core.text.sentence import say

# Which reward says that a prompt is solved, where a run has several: the first of these.
SOLVING_REWARDS = ("numeric", "exact", "file", "regex", "json", "tags", "format", "length")

SOLVED = 0.5  # a prompt is solved where that reward gives more

ReferenceContext = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class RolloutConfig:
    """How prompts become the batches of a step."""

    prompts_per_step: int
    device: str  # "cpu" or "gpu", that learns from the completions
    parallel_batches: int  # that are computed side by side
    seed: int
    shuffle: bool
    layout: dict[str, Any]  # passed to core.data.batch.batches.collate
    samples_file: Path  # where every group is written


class RolloutBatches:
    """The training prompts as optimizer steps; what core.data.batch.batches.Batches is to the rows of a dataset.

    One sampling is used for `num_iterations` steps. Which prompts a step uses, and the random numbers of their
    completions, follow from the seed and the step alone; the completions in use at a checkpoint are read from
    samples.jsonl.
    """

    def __init__(
        self,
        collector: Collector,
        prompts: Sequence[Prompt],
        held_out: Sequence[Prompt],
        config: RolloutConfig,
        *,
        lm_head: LMHead | None,
        reference: ReferenceContext | None,
        replay: list[list[RolloutGroup]],
        fixed_logps: FixedLogps | None = None,
    ) -> None:
        """`reference` is a context in which the model computes as the reference of the KL term; None without one.

        `replay` holds the recorded groups of every sampling, to learn from instead of sampling; [] samples.
        `fixed_logps` computes the log-probabilities of a step's batches where MLX does not.
        """
        self.options: Options = collector.options
        self.collector, self.prompts, self.config = collector, prompts, config
        self.held_out = held_out[: self.options.eval_questions]
        self.reference = reference
        self.notes: list[tuple[str, str]] = []  # (code, sentence) of warnings that were not yet given to the person
        self._told_scale = False  # whether it was said that scores of a person's own are on another scale
        self._replay = replay
        self._fixed_logps = fixed_logps
        self._logps = PartedLogps(collector.generator.model, lm_head, recovers=False)
        samplings = len(replay) or -(-len(prompts) // config.prompts_per_step)
        self.steps_per_epoch = samplings * self.options.num_iterations
        self._number = -1  # of the sampling in use, from 0
        self._batches: list[Batch] = []
        self._metrics: dict[str, float] = {}
        self._epoch, self._order = -1, list[int]()
        self._monitor = RewardMonitor(self.options.refills)

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1.

        Raises SamplingStopped between two tokens when the run is asked to stop, and BadData or Unavailable when a
        reward file gives no score (see RewardMonitor).
        """
        number = (step - 1) // self.options.num_iterations
        self._metrics = {"sampling_seconds": 0.0} | {k: v for k, v in self._metrics.items() if k != "sampling_seconds"}
        if number != self._number:
            first_step = number * self.options.num_iterations + 1
            model = self.collector.generator.model
            was_training = model.training
            model.eval()  # without dropout
            self._build_batches(self._load_recorded(first_step) or self._collect(number, first_step))
            model.train(was_training)
            self._number = number
        return self._batches

    def metrics(self) -> dict[str, float]:
        """Metrics of the completions in the last window."""
        return self._metrics

    def evaluate(self) -> tuple[dict[str, float], int]:
        """({"solved": share of the held-out prompts, ...}, completion tokens), by greedy completions.

        Where a person's reward file says what is solved and fails, "solved" is not among them, and a note tells so.
        Raises SamplingStopped between two tokens when the run is asked to stop.
        """
        self.collector.generator.model.eval()
        answers, group = self.collector.greedy_answers(self.held_out), self.collector.group
        metrics, notes = group.broadcast(self._judge(answers) if group.is_first else None)
        self.notes += [(code, sentence) for code, sentence in notes]
        return metrics, sum(answer.tokens for answer in answers)

    def _judge(self, answers: Sequence[Answer]) -> tuple[dict[str, float], list[tuple[str, str]]]:
        """(the metrics of an evaluation's completions, notes)."""
        scorer = self.collector.scorer
        notes: list[tuple[str, str]] = []
        reward = next(name for name in SOLVING_REWARDS if name in scorer.weights)
        result = scorer(answers)
        if result.problem:
            ending = say(": this validation is left out") if reward == "file" else ""
            notes.append(
                (
                    "reward",
                    say(
                        "{problem} It was asked about held-out questions{ending}.",
                        problem=result.problem,
                        ending=ending,
                    ),
                )
            )
        scored_answers = result.scored_answers
        values = [scored.scores[reward].value for scored in scored_answers if reward in scored.scores]
        solved = [value > SOLVED for value in values]
        if reward == "file" and max(values, default=0) > 1 and not self._told_scale:
            self._told_scale = True
            notes.append(
                (
                    "reward-scale",
                    say(
                        "The reward file gives scores of up to {most:.4g}, but an answer counts as solved above "
                        "{solved}: let it give 1 for a right one, or do not go by the share that is solved.",
                        most=max(values),
                        solved=SOLVED,
                    ),
                )
            )
        metrics = {
            "answer_length": float(np.mean([answer.tokens for answer in answers])),
            "cut_off": float(np.mean([answer.truncated for answer in answers])),
        }
        if not result.problem or reward != "file":
            metrics = {"solved": sum(solved) / len(answers)} | metrics
        return metrics, notes

    def take_notes(self) -> list[tuple[str, str]]:
        """(code, sentence) of the warnings since this was asked last."""
        notes, self.notes = self.notes, []
        return notes

    def close(self) -> None:
        """End the process of a person's reward file."""
        self.collector.scorer.close()

    def _build_batches(self, collected: CollectedGroups) -> None:
        """Make the batches and metrics of a sampling."""
        o = self.options
        groups, advantages = add_advantages(collected.groups, o)
        collected.groups = groups
        self._metrics = group_metrics([*groups, *collected.dropped_groups]) | {"sampling_seconds": collected.seconds}
        if o.dynamic_sampling and not self._replay:
            self._metrics["thrown_groups"] = float(len(collected.dropped_groups))
        lengths = [len(rollout.ids) for group in groups for rollout in group.rollouts]
        at_once = learned_at_once(o, self.config.device, max(1, round(sum(lengths) / len(lengths))))
        batches = collate_rollouts(
            groups,
            advantages,
            micro_batch_size=-(-at_once // self.config.parallel_batches),
            # bnpo averages over what is in a batch, so that nothing may be missing from it
            skip_flat=not o.beta and o.loss_type != "bnpo",
            mask_truncated=o.overlong_filter,
            keep_order=not self.config.shuffle,
            layout=self.config.layout,
            parallel_batches=self.config.parallel_batches,
        )
        group = self.collector.group
        if group.size > 1:
            batches = share_rollouts(batches, Share(group.rank, group.size), o.loss_type)
        self._batches = self._add_logps(batches)

    def _add_logps(self, batches: list[Batch]) -> list[Batch]:
        """The batches with the log-probabilities of the reference and, where they are not known, of the sampling."""
        if any(np.isnan(batch.extra["sampled"]).any() for batch in batches):
            batches = [
                _with_extra(batch, sampled=np.where(np.isnan(batch.extra["sampled"]), logps, batch.extra["sampled"]))
                for batch, logps in zip(batches, self._compute_logps(batches), strict=True)
            ]
        if self.reference is not None:
            with self.reference():
                reference = self._compute_logps(batches)
            batches = [_with_extra(batch, reference=r) for batch, r in zip(batches, reference, strict=True)]
        mx.clear_cache()
        return batches

    def _compute_logps(self, batches: Sequence[Batch]) -> list[np.ndarray]:
        """The model's log-probabilities of each batch of a step, [N, T-1]."""
        if self._fixed_logps:
            return list(self._fixed_logps().of_step(batches))
        self._logps.recovers = self.collector.generator.limit.give_way is not None
        computed = []
        for batch in batches:
            computed.append(self._logps(batch))
            mx.clear_cache()
        return computed

    def _collect(self, number: int, step: int) -> CollectedGroups:
        """New groups, or the replayed ones, for steps from `step` on; they are written to samples.jsonl."""
        if self._replay:
            groups = self._replay[number % len(self._replay)]
            collected = CollectedGroups([replace(group, step=step) for group in groups], [], 0.0, [])
        else:
            collected = self.collector.collect(
                step,
                self._prompt_indices(number),
                self.prompts,
                [self.config.seed, number],
                lambda refill, count: self._draw_refill(number, refill, count),
            )
        self.notes += self._monitor.check(number, collected)
        groups, _ = add_advantages(collected.groups, self.options)
        with explain(self.config.samples_file):
            lines = (group.to_json() + "\n" for group in (*groups, *collected.dropped_groups))
            append(self.config.samples_file, "".join(lines))
        return collected

    def _load_recorded(self, step: int) -> CollectedGroups | None:
        """The groups that a resumed run was learning from: those that samples.jsonl has for this step."""
        if self._number >= 0:
            return None
        recorded = [parse_group(line, f"Step {step}") for line in self.collector.group.broadcast(self._read(step))]
        groups = [group for group in recorded if group.trained_on]
        dropped_groups = [group for group in recorded if not group.trained_on]
        return CollectedGroups(groups, dropped_groups, 0.0, []) if groups else None

    def _read(self, step: int) -> list[str]:
        """The groups that samples.jsonl has for a step, one line each; none where it is not there."""
        file = self.config.samples_file
        if not file.exists():
            return []
        return [group.to_json() for group in read_samples(file, skip_damaged=True) if group.step == step]

    def _prompt_indices(self, number: int) -> list[int]:
        """Which prompts a sampling uses: every prompt once an epoch, in an order by the seed."""
        size = self.config.prompts_per_step
        return [self._prompt_index(n) for n in range(number * size, (number + 1) * size)]

    def _prompt_index(self, position: int) -> int:
        """The prompt at a position of the whole run."""
        epoch, offset = divmod(position, len(self.prompts))
        if not self.config.shuffle:
            return offset
        if epoch != self._epoch:
            order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.prompts))
            self._epoch, self._order = epoch, [int(i) for i in order]
        return self._order[offset]

    def _draw_refill(self, number: int, refill: int, count: int) -> list[int]:
        """Random prompts for a refill."""
        rng = np.random.default_rng([self.config.seed, number, refill])
        return [int(i) for i in rng.integers(0, len(self.prompts), count)]


def _with_extra(batch: Batch, **extra: Any) -> Batch:
    return replace(batch, extra={**batch.extra, **extra})


def read_replay(path: Path, vocabulary: int) -> list[list[RolloutGroup]]:
    """The groups of every sampling of a samples.jsonl, in order.

    Raises BadData when the file holds none, or token ids that are not below `vocabulary`.
    """
    samplings = groups_by_step(read_samples(path, vocabulary))
    if not samplings:
        raise BadData(say("{path} holds no recorded answers.", path=path))
    return samplings
