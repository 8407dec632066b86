"""A run that is ready for its first step."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.ane.forward import ForwardPasses
from core.ane.verdict_cache import mark
from core.ane.watch import EngineWatch
from core.data.batch.batches import Batch, BatchSource
from core.data.tokenize.encode import EncodedPrompt
from core.distributed.group import Group
from core.events import Started, Warned
from core.model.lm_head import LMHead
from core.reference.reference import Reference
from core.reference.teacher import Teacher
from core.resolved import Resolved, to_json
from core.rollouts.batch_generate import WritingLimit
from core.rollouts.rollouts import RolloutBatches
from core.run import Run
from core.run.folder import CHAT_TEMPLATE, RESOLVED, RunFolder
from core.training.ane_setup import (
    IN_USE,
)
from core.training.numpy_gradient import NumpyGradient
from core.training.schedule import Schedule


@dataclass
class Setup:
    """A run that is ready for its first step. Lives on the thread that prepared it."""

    run: Run
    folder: RunFolder
    model: nn.Module
    lm_head: LMHead | None  # None where logits must be made everywhere
    tokenizer: Any
    rows: Sequence[Any]
    batches: BatchSource
    eval_batches: list[Batch]
    rollouts: RolloutBatches | None  # where the batches come from, for a method whose answers the model writes
    teacher: Teacher | None
    annotator: Reference | Teacher | None  # what adds to the batches what another model says of them
    prompts: list[EncodedPrompt]  # for sample answers
    schedule: Schedule
    resolved: Resolved
    dtype: mx.Dtype  # what the model computes in
    on_gpu: bool
    stop: threading.Event  # set when the run is asked to stop
    compiles: bool  # whether steps of shapes that come up again are compiled
    writing_limit: WritingLimit = field(default_factory=WritingLimit)  # of answers that the model writes
    recovers: bool = False  # whether steps that the GPU fails in can be computed again
    parallel_batches: int = 1  # micro-batches that are computed side by side
    numpy: NumpyGradient | None = None  # what computes the gradient of steps, where MLX does not
    largest_step: int | None = None  # the step with the longest batch, where that is known before
    engine_watch: EngineWatch | None = None  # where the Neural Engine computes the steps' forward pass
    forward_passes: ForwardPasses | None = None  # where it computes those without a gradient alone
    group: Group = field(default_factory=Group)  # the ranks of the run
    is_parted: bool = False  # whether the model is, over the ranks: then all of them take the same batches
    measures_general: bool = False  # whether it is measured what the run makes the model forget

    @property
    def models(self) -> list[Any]:
        """All that a step computes with and that holds arrays."""
        return [self.model, self.lm_head, *(self.teacher.models if self.teacher else [])]

    @property
    def validates(self) -> bool:
        """Whether there is anything held out to measure on."""
        return self.eval_rows > 0

    @property
    def eval_rows(self) -> int:
        """How many held-out rows an evaluation looks at."""
        return len(self.rollouts.held_out) if self.rollouts else sum(len(b.rows) for b in self.eval_batches)

    @property
    def resolved_json(self) -> dict[str, Any]:
        """The contents of resolved.json."""
        return to_json(self.resolved)

    def write_folder(self, last_step: int | None) -> Iterator[Warned]:
        """The files of a run that stand before its first step, or before it goes on from the checkpoint of a step."""
        yield from self.folder.begin(self.run, last_step)
        if self.annotator:
            self.annotator.save(self.folder.path)
        self.write_resolved()
        if self.engine_watch or self.forward_passes:
            self.folder.write(IN_USE, json.dumps(mark()))
        if self.run.data.chat_template:  # whoever talks to the trained model must write as it has learned
            self.folder.write(CHAT_TEMPLATE, self.tokenizer.chat_template)

    def write_resolved(self) -> None:
        """Write resolved.json anew."""
        self.folder.write_json(RESOLVED, self.resolved_json)

    def close_engine(self) -> None:
        """Use the Neural Engine no more, if it is used."""
        for used in (self.engine_watch, self.forward_passes):
            if used:
                used.close()
                (self.folder.path / IN_USE).unlink(missing_ok=True)
        self.engine_watch = self.forward_passes = None

    def close(self) -> None:
        """End what runs beside the training, and let go of what holds the model (see TrainStep.close)."""
        self.writing_limit.give_way = self.numpy = None
        self.close_engine()
        if self.rollouts:
            self.rollouts.close()

    def started(self, first_step: int) -> Started:
        """The event that everything is loaded and step `first_step` is next."""
        resolved, steps = self.resolved, self.schedule.total_steps
        return Started(
            name=self.folder.path.name,
            folder=str(self.folder.path),
            method=self.run.method,
            model=self.run.model.path,
            total_steps=steps,
            first_step=first_step,
            epochs=steps / self.batches.steps_per_epoch,
            rows=len(self.rows),
            eval_rows=resolved.data.eval_rows,
            tokens=resolved.data.tokens,
            trainable_parameters=resolved.model.trainable_parameters,
            total_parameters=resolved.model.parameters,
            backend=to_json(resolved.backend),
            precision=to_json(resolved.precision),
            memory=to_json(resolved.memory),
            ranks=to_json(resolved.ranks) if resolved.ranks else {},
        )
