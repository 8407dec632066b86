"""Where the batches of a run come from: its dataset, or answers that the model writes; with what another model says."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.data.batch.batches import Batch, BatchSource, batch_by_length
from core.events import Event
from core.reference.reference import Reference
from core.reference.teacher import Teacher
from core.resolved import OnPolicyFacts, RolloutFacts
from core.rollouts.rollouts import RolloutBatches
from core.rollouts.setup import Policy, prepare_on_policy, prepare_rollouts
from core.run import Run
from core.training.data_setup import TrainingData


class AnnotatedBatches:
    """Batches that bring along what another model says of them."""

    def __init__(self, batches: BatchSource, annotate: Callable[[Batch], Batch]) -> None:
        self._batches, self._annotate = batches, annotate
        self.steps_per_epoch = batches.steps_per_epoch

    def window(self, step: int) -> list[Batch]:
        return [self._annotate(batch) for batch in self._batches.window(step)]

    def metrics(self) -> dict[str, float]:
        return self._batches.metrics()


@dataclass(frozen=True)
class BatchSources:
    """The batches that are learned from, and those that are measured on."""

    training: BatchSource
    held_out: list[Batch]  # none where `rollouts` measures by answers to held-out prompts
    held_out_rows: int  # or prompts
    rollouts: RolloutBatches | None  # for a method whose answers the model writes itself
    rollout_facts: RolloutFacts | None
    on_policy_facts: OnPolicyFacts | None


def prepare_batches(
    run: Run,
    data: TrainingData,
    policy: Policy,
    annotator: Reference | Teacher | None,
    samples: Path,
    held_out_layout: Mapping[str, Any],
) -> Generator[Event, None, BatchSources]:
    """Set up where the batches come from, with warnings. Written answers go to the file `samples`.

    `annotator` adds to each batch of a dataset what it says of the targets; `held_out_layout` are keywords of collate()
    for held-out rows. Raises BadData and BadOption.
    """
    held_out = data.dataset.held_out
    if run.spec.on_policy:
        rollouts, facts = yield from prepare_rollouts(run, policy, data.dataset.train, held_out, data.replay, samples)
        return BatchSources(rollouts, [], len(rollouts.held_out), rollouts, facts, None)
    training: BatchSource = data.batches
    on_policy_facts = None
    if run.on_policy_share:
        training, on_policy_facts = yield from prepare_on_policy(run, policy, data.batches)
    held_out_batches = batch_by_length(held_out, run.train.batch_size, **held_out_layout)
    if annotator:
        training = AnnotatedBatches(training, annotator.annotate_training)
        held_out_batches = [annotator.annotate_held_out(batch) for batch in held_out_batches]
    return BatchSources(training, held_out_batches, len(held_out), None, None, on_policy_facts)
