"""Answers of the student's own: in a share of the steps it goes on from the questions itself, for a teacher to judge.

On-policy distillation (Agarwal et al., arXiv:2306.13649, GKD): a student that only ever saw the data's answers does
not know what to do behind a slip of its own.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch, Batches
from core.data.tokenize.encode import Encoded
from core.methods.distill import OWN
from core.rollouts import SamplingStopped
from core.rollouts.batch_generate import Written, write
from core.rollouts.sampling import Sampling


def prompt_length(row: Encoded) -> int:
    """How many tokens stand before a row's last answer; 0 where it is learned whole and asks nothing."""
    (starts,) = np.nonzero(np.diff(row.mask, prepend=np.int8(0)) > 0)
    return int(starts[-1]) if len(starts) and starts[-1] > 1 else 0


class OwnAnswers:
    """The batches of a dataset, in some steps with answers that the model has just written to the rows' questions.

    Which steps these are, and the chance in their answers, follow from the seed and the step alone, and the rest from
    the model's weights: a resumed run writes what the unbroken one would. Rows that ask nothing stay as they are.
    """

    def __init__(
        self,
        batches: Batches,
        model: Any,
        sampling: Sampling,
        *,
        share: float,
        longest: int,
        stop_tokens: Sequence[int],
        at_once: int,
        batched: bool,
        stop: threading.Event,
    ) -> None:
        self.batches, self.model, self.sampling, self.share, self.longest = batches, model, sampling, share, longest
        self.stop_tokens, self.at_once, self.batched, self.stop = tuple(stop_tokens), at_once, batched, stop
        self.steps_per_epoch = batches.steps_per_epoch
        self._told: dict[str, float] = {}

    def writes(self, step: int) -> bool:
        """Whether a step's answers are the model's own."""
        return bool(np.random.default_rng([self.batches.seed, step, 1]).random() < self.share)

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, from 1. Raises Stopped between two tokens when asked to stop."""
        self._told = {}
        if not self.writes(step):
            return self.batches.window(step)
        rows = {i: self.batches.rows[i] for places in self.batches.places(step) for i in places}
        made = self.batches.window(step, rows | self._answered(step, rows))
        return [replace(b, extra={**b.extra, OWN: np.ones(len(b.rows), np.float32)}) for b in made]

    def metrics(self) -> dict[str, float]:
        """Metrics of the answers in the last window, if any were written for it."""
        return self._told

    def _answered(self, step: int, rows: dict[int, Encoded]) -> dict[int, Encoded]:
        """The rows that ask something, each with an answer of the model's own."""
        began = time.perf_counter()
        places = [i for i, row in rows.items() if prompt_length(row)]
        prompts = [rows[i].tokens[: prompt_length(rows[i])].tolist() for i in places]
        learning = self.model.training
        self.model.eval()  # without dropout
        found: list[Written] = []
        for finished in write(
            self.model,
            prompts,
            self.sampling,
            stop_tokens=self.stop_tokens,
            at_once=self.at_once,
            seed=[self.batches.seed, step],
            batched=self.batched,
        ):
            if self.stop.is_set():
                raise SamplingStopped
            found += finished
        self.model.train(learning)
        mx.clear_cache()
        if found:
            self._told = {
                "answer_length": float(np.mean([len(w.tokens) for w in found])),
                "cut_off": float(np.mean([w.cut for w in found])),
                "sampling_seconds": time.perf_counter() - began,
            }
        return {places[w.prompt]: self._row(rows[places[w.prompt]], prompts[w.prompt], w) for w in found}

    def _row(self, row: Encoded, prompt: list[int], answer: Written) -> Encoded:
        """A question with its new answer, as far as the longest text allows."""
        tokens = np.array([*prompt, *answer.tokens][: self.longest], np.int32)
        mask = np.zeros(len(tokens), np.int8)
        mask[len(prompt) :] = 1
        return Encoded(row.line, tokens, mask, max(0, len(prompt) + len(answer.tokens) - self.longest))
