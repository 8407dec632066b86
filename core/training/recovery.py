"""What becomes of a step that a GPU did not manage: it is computed again in smaller pieces, and so are those after it.

First fewer rows go through the model at once, then each block is evaluated by itself, then a block takes fewer tokens
at once: between two pieces the GPU has a pause, which is what a Mac's system wants of it. The numbers stay those of the
whole step. What held is kept for the next run of the model on this machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mlx.core as mx

from core.data.batch.batches import Batch
from core.data.batch.parts import count_cells, split_batch
from core.device.gpu_failure import GPUFailure, find_failure, finish_work
from core.errors import Unavailable, UserError
from core.events import Warned
from core.model.evaluated_blocks import evaluate_blocks, split_tokens
from core.text.sentence import say
from core.training import step_sizes
from core.training.setup import Setup
from core.training.step_sizes import StepSize
from core.training.train_step import TrainStep

MIN_BLOCK_TOKENS = 64  # in the feed-forward part of a block at once, at least
MAX_RETRIES = 3  # of a step at the same size, where something else was to blame
MAX_COMPILED_SHAPES = 4  # once there were too many pieces of memory
BOUNDED_CACHE_BYTES = 256 << 20  # of freed buffers, from then on


class Recovery:
    """Parts a run's steps into pieces that its GPU manages. `notes` are (code, sentence)."""

    def __init__(self, setup: Setup, train_step: TrainStep) -> None:
        self.setup, self.run, self.train_step = setup, setup.run, train_step
        self.notes: list[tuple[str, str]] = []
        self.size = StepSize()
        self._retries = 0  # of the present step
        self._is_bounded, self._is_new = False, False  # whether the size is not kept yet
        if setup.recovers:
            self.size = step_sizes.recall(self.run)
            self._apply()
            setup.writing_limit.most, setup.writing_limit.give_way = self.size.answers, self._write_fewer
            if self.size.words:
                before = say(
                    "Steps are computed {words}, as they had to be before for this model here", words=self.size.words
                )
                self.notes.append(("remembered-size", before + "."))

    def take_notes(self) -> Iterator[Warned]:
        """What is to be told, each once."""
        notes, self.notes = self.notes, []
        yield from (Warned(code, sentence) for code, sentence in notes)

    def split(self, batches: list[Batch]) -> list[Batch]:
        """The batches of a step in parts of the present size."""
        spec, tokens = self.run.spec, self.size.tokens
        if tokens is None or not (spec.decomposable or spec.on_policy):
            return batches
        parts = []
        for batch in batches:
            smaller = split_batch(batch, tokens)
            if len(smaller) > 1 and spec.on_policy and self.run.options.loss_type == "bnpo":  # a mean over its tokens
                share = self.train_step.weight(batch) / max(1.0, float(batch.mask.sum()))
                smaller = [replace(part, weight=share * float(part.mask.sum())) for part in smaller]
            parts += smaller
        return parts

    def give_way(self, error: BaseException, batches: list[Batch]) -> None:
        """Make the pieces smaller after `error` came up in work on `batches`; with a note.

        Raises the error where it is none of the GPU's, and Unavailable where nothing smaller is left.
        """
        failure = self._clean_up(error)
        if self._is_done_again(failure, say("A step was computed again")):
            return
        if self.shrink(batches):
            self._is_new = True
            kept = say("Runs of this model begin so here from now on.")
            self.notes.append(
                (
                    "gpu-step",
                    say(
                        "A step was computed again {words}: {failure}. {kept}",
                        words=self.size.words,
                        failure=failure.value,
                        kept=kept,
                    ),
                )
            )
        else:
            raise Unavailable(
                say(
                    "The run cannot go on: {failure}, and a step cannot be parted further. Try a lower maximum length "
                    "or a smaller model, and let the display sleep meanwhile.",
                    failure=failure.value,
                )
            ) from error

    def shrink(self, batches: list[Batch]) -> bool:
        """Make the pieces smaller than those of `batches`; returns whether that was possible."""
        largest = max(batches, key=count_cells)
        can_split = self.run.spec.decomposable or self.run.spec.on_policy
        size = self.size
        if can_split and any(len(batch.rows) > 1 for batch in batches):
            parted = max((batch for batch in batches if len(batch.rows) > 1), key=count_cells)
            size = replace(size, tokens=max(1, count_cells(parted) // 2))
        elif not size.by_block:
            size = replace(size, by_block=True)
        elif not (block_tokens := self._fewer_block_tokens(largest)):
            return False
        else:
            size = replace(size, block_tokens=block_tokens)
        self.size = size
        return self._apply()

    def _write_fewer(self, error: BaseException, at_once: int) -> None:
        """The same for answers, of which so many were written at once."""
        failure = self._clean_up(error)
        if self._is_done_again(failure, say("Answers were written again")):
            return
        if at_once == 1:
            raise Unavailable(
                say(
                    "The run cannot go on: {failure} while a single answer was written. Try shorter answers or a "
                    "smaller model, and let the display sleep meanwhile.",
                    failure=failure.value,
                )
            ) from error
        self.size = replace(self.size, answers=at_once // 2)
        self.setup.writing_limit.most, self._is_new = self.size.answers, True
        fewer = say(
            "Answers were written again, {answers} instead of {at_once} at once",
            answers=self.size.answers,
            at_once=at_once,
        )
        self.notes.append(("gpu-answers", say("{what}: {failure}.", what=fewer, failure=failure.value)))

    def _clean_up(self, error: BaseException) -> GPUFailure:
        """What failed, with nothing left of it. Raises the error where it is none of the GPU's, and Unavailable where
        no more work is taken."""
        failure = find_failure(error)
        if failure is None or not self.setup.recovers:
            raise error
        if failure is GPUFailure.LOST:
            raise Unavailable(
                say("The run cannot go on: {failure}. Start it again from its checkpoint.", failure=failure.value)
            ) from error
        self.train_step.renew()
        mx.clear_cache()
        return failure

    def _is_done_again(self, failure: GPUFailure, what: str) -> bool:
        """Whether the work is to be done again at the same size, which is told."""
        if failure is GPUFailure.VICTIM and self._retries < MAX_RETRIES:
            self._retries += 1
            self.notes.append(("gpu-retry", say("{what}: {failure}.", what=what, failure=failure.value)))
            return True
        if failure is GPUFailure.TOO_MANY_BUFFERS and not self._is_bounded:
            self._bound()
            self.notes.append(
                (
                    "gpu-buffers",
                    say("{what}: {failure}. From now on fewer are kept for reuse.", what=what, failure=failure.value),
                )
            )
            return True
        return False

    def ease(self, batches: list[Batch]) -> bool:
        """Let fewer rows than those of `batches` through the model at once; returns whether that is possible."""
        can_split = self.run.spec.decomposable or self.run.spec.on_policy
        return can_split and any(len(batch.rows) > 1 for batch in batches) and self.shrink(batches)

    def ease_writing(self) -> str:
        """Let fewer answers be written at once from now on; says how many, "" where there are none to be fewer."""
        answers = self.setup.writing_limit.write_fewer()
        if not answers:
            return ""
        self.size = replace(self.size, answers=answers)
        return (
            say("answers are written one by one")
            if answers == 1
            else say("at most {answers} answers are written at once", answers=answers)
        )

    def step_done(self) -> None:
        """A step is over: the present size held."""
        self._retries = 0
        if self._is_new:
            self._is_new = False
            try:
                step_sizes.remember(self.run, self.size)
            except UserError as problem:
                self.notes.append(("gpu-step", str(problem)))

    def losses(self, batches: Any) -> Iterator[tuple[Batch, Any]]:
        """Each batch, or its parts, with TrainStep.loss() of it, evaluated."""
        for batch in batches:
            yield from self._losses_of(batch)

    def _losses_of(self, batch: Batch) -> list[tuple[Batch, Any]]:
        while True:
            parts = self.split([batch])
            try:
                results = []
                for part in parts:
                    results.append((part, self.train_step.loss(part)))
                    finish_work(results[-1][1])
                return results
            except RuntimeError as error:
                self.give_way(error, parts)

    def _fewer_block_tokens(self, batch: Batch) -> int:
        """Half the tokens that a block takes at once; 0 where that is too few or its parts are not known."""
        width = batch.tokens.shape[1] if batch.layout is None else batch.layout.tokens.shape[1]
        half = min(self.size.block_tokens or width, width) // 2
        return half if half >= MIN_BLOCK_TOKENS else 0

    def _apply(self) -> bool:
        """Change the model by the present size; returns whether that was possible."""
        if self.size.by_block and not self.train_step.is_by_block:
            evaluate_blocks(self.setup.model)
            self.train_step.is_by_block = True
        return self.size.block_tokens is None or split_tokens(self.setup.model, self.size.block_tokens)

    def _bound(self) -> None:
        """Let go of what is kept for reuse, and keep less from now on."""
        self._is_bounded = True
        self.train_step.drop_compiled(MAX_COMPILED_SHAPES)
        mx.set_cache_limit(BOUNDED_CACHE_BYTES)
        mx.clear_cache()
