"""The teacher of a distillation: in memory beside the student, or asked once and kept as its likeliest tokens."""

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch, Batches
from core.device.machine import versions
from core.distributed.group import Group
from core.errors import BadOption
from core.events import Event, Phase
from core.model.chunked_divergence import compute_per_target
from core.model.lm_head import LMHead
from core.model.log_probs import scatter_targets, target_hidden_states, target_tokens, to_mlx
from core.reference import frozen_model
from core.reference.logprob_cache import LogprobCache
from core.resolved import TeacherFacts
from core.run import Run
from core.text.sentence import say

NAME = "teacher"
ENTRY = np.dtype([("token", "<u4"), ("logp", "<f4")])  # one of the teacher's likeliest tokens at a target
TARGETS_AT_ONCE = 64  # whose logits the likeliest tokens are found in
NEVER = -60.0  # log-probability of what is as good as impossible; minus infinity has no gradient


class Teacher:
    """What a student is compared with. prepare() loads or asks it; the rest is for the training step."""

    def __init__(self, run: Run, group: Group | None = None) -> None:
        """`group` are the ranks that ask it together, where it is asked once."""
        self.run, self.options, self._group = run, run.options, group or Group()
        if self.options.teacher is None:
            raise BadOption(
                say("Distillation needs a model to learn from: give --teacher FOLDER, or a Hugging Face id.")
            )
        self._model: Any = None
        self._lm_head: LMHead | None = None
        self._cache: LogprobCache | None = None  # of the likeliest tokens; None where the model stays in memory
        self._file = ""
        self.source: frozen_model.ModelSource | None = None  # once it is found

    @property
    def facts(self) -> TeacherFacts:
        """For resolved.json."""
        o = self.options
        if not self._cache:
            return TeacherFacts(o.teacher, "live", o.teacher_top_k)
        return TeacherFacts(o.teacher, "kept", o.teacher_top_k, self._file, len(self._cache))

    @property
    def models(self) -> list[Any]:
        """What holds the teacher's arrays, where it is asked in every step."""
        return [self._model, self._lm_head]

    def prepare(
        self,
        folder: Path,
        batches: Batches,
        held_out: Sequence[Any],
        steps: int,
        tokenizer: Any,
        device: str,
        stop: threading.Event,
    ) -> Generator[Event, None, None]:
        """Load the teacher, or ask it about the rows and let it go. Raises BadModel, Unavailable."""
        self.source = source = yield from frozen_model.find_source("teacher", self.options.teacher, tokenizer)
        if self.options.teacher_top_k is None:
            yield Phase("Loading model", self.options.teacher)
            self._model, self._lm_head = frozen_model.load_frozen(source, self.run, device)
            return
        self._cache = LogprobCache(NAME, batches, held_out, steps, self._group, ENTRY)
        fingerprint = [self.options.teacher, source.fingerprint(), self.run.model.dtype, device]
        self._file = self._cache.file_name(
            [versions(), fingerprint, self.options.temperature, self.options.teacher_top_k]
        )
        if self._cache.load(folder / self._file):
            return
        yield Phase("Loading model", self.options.teacher)
        yield from self._fill(self._cache, source, device, stop)
        mx.clear_cache()  # the teacher is gone

    def save(self, folder: Path) -> None:
        """Write the likeliest tokens into the run's folder."""
        if self._cache:
            self._cache.save(folder / self._file)

    def annotate_training(self, batch: Batch) -> Batch:
        """A training batch with the teacher's likeliest tokens in its `extra`, where they were asked for before."""
        return _with_likeliest(batch, self._cache.training_entries(batch)) if self._cache else batch

    def annotate_held_out(self, batch: Batch) -> Batch:
        """The same for a batch of held-out rows."""
        return _with_likeliest(batch, self._cache.held_out_entries(batch)) if self._cache else batch

    def predict(self, batch: Batch) -> list[mx.array]:
        """What compare() needs of the teacher, for each target of a batch of MLX arrays, [M, ...] each."""
        if self._cache:
            return [batch.extra["teacher_tokens"], batch.extra["teacher_logps"]]
        # The texts lie one in a row here: which layouts are exact was measured on the student.
        states = _target_states(self._model, self._lm_head, to_mlx(replace(batch, layout=None, extra={})))
        mx.eval(states)
        return [states]

    def compare(
        self, model: Any, lm_head: LMHead | None, batch: Batch, predictions: Sequence[mx.array]
    ) -> tuple[mx.array, ...]:
        """(log-probabilities of the targets, divergence at the targets) of the student `model`, [N, T-1] each.

        Both are zero where nothing is learned. `predictions` is what predict() gave: no gradient goes there.
        """
        targets = target_tokens(batch)
        if lm_head is None:
            values = self._divergence(_target_states(model, None, batch), targets, *predictions)
        else:
            hidden = target_hidden_states(model, batch, lm_head)
            values = compute_per_target(lm_head, hidden, self._divergence, [targets, *predictions])
        return tuple(scatter_targets(value, batch) for value in values)

    def _divergence(self, logits: mx.array, targets: mx.array, *predictions: mx.array) -> tuple[mx.array, mx.array]:
        """(log-probability of the target [m], divergence [m]) from the student's logits [m, V]."""
        logps = mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)
        temperature, divergence = self.options.temperature, self.run.spec.divergence
        assert divergence is not None
        if len(predictions) == 1:
            (states,) = predictions
            teacher_logits = states if self._lm_head is None else self._lm_head.logits(states).astype(mx.float32)
            shared = min(
                logits.shape[-1], teacher_logits.shape[-1]
            )  # some models have room for more tokens than there are
            student = _log_softmax(logits[:, :shared] / temperature)
            return logps, divergence(student, _log_softmax(teacher_logits[:, :shared] / temperature), self.options)
        tokens, teacher = predictions
        return logps, divergence(_reduced_logps(logits / temperature, tokens), teacher, self.options)

    def _fill(
        self, cache: LogprobCache, source: frozen_model.ModelSource, device: str, stop: threading.Event
    ) -> Generator[Event, None, None]:
        model, lm_head = frozen_model.load_frozen(source, self.run, device)

        def find_likeliest(batches: Iterable[Batch]) -> Iterator[tuple[Batch, Any]]:
            return ((batch, self._likeliest_tokens(model, lm_head, batch)) for batch in batches)

        yield from cache.fill(find_likeliest, self.run.train.batch_size, stop)

    def _likeliest_tokens(self, model: Any, lm_head: LMHead | None, batch: Batch) -> Any:
        """The teacher's K likeliest tokens at each target of a batch of NumPy arrays, [M, K + 1] of ENTRY.

        The last entry stands for all other tokens together.
        """
        states = _target_states(model, lm_head, to_mlx(batch))
        entries = []
        for start in range(0, len(states), TARGETS_AT_ONCE):
            chunk = states[start : start + TARGETS_AT_ONCE]
            logits = (chunk if lm_head is None else lm_head.logits(chunk)).astype(mx.float32)
            logits = logits / self.options.temperature
            count = min(self.options.teacher_top_k, logits.shape[-1] - 1)
            tokens = mx.argpartition(-logits, count - 1, axis=-1)[:, :count]
            part = np.zeros((len(chunk), count + 1), ENTRY)
            part["token"][:, :count] = np.array(tokens)
            part["logp"] = np.array(_reduced_logps(logits, tokens))
            entries.append(part)
        return np.concatenate(entries)


def _with_likeliest(batch: Batch, entries: Any) -> Batch:
    """A batch with the teacher's likeliest tokens [M, K] and their log-probabilities [M, K + 1], the rest's last."""
    likeliest = {"teacher_tokens": entries["token"][:, :-1], "teacher_logps": entries["logp"]}
    return replace(batch, extra={**batch.extra, **likeliest})


def _target_states(model: Any, lm_head: LMHead | None, batch: Batch) -> mx.array:
    """The hidden state that predicts each target, [M, D]; its logits [M, V] where there is no head."""
    if lm_head is not None:
        return target_hidden_states(model, batch, lm_head)
    logits = model(batch.tokens[:, :-1]).astype(mx.float32)
    return logits.reshape(-1, logits.shape[-1])[mx.minimum(batch.places, batch.mask.size - 1)]


def _log_softmax(logits: mx.array) -> mx.array:
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


def _reduced_logps(logits: mx.array, tokens: mx.array) -> mx.array:
    """Log-probabilities [m, K + 1] of some tokens [m, K] and, last, of all others together."""
    total = mx.logsumexp(logits, axis=-1, keepdims=True)
    chosen = mx.take_along_axis(logits, tokens, axis=-1) - total
    without_chosen = mx.put_along_axis(logits, tokens, mx.array(-mx.inf), axis=-1)
    remaining = mx.logsumexp(without_chosen, axis=-1, keepdims=True) - total
    return mx.concatenate([chosen, mx.maximum(remaining, NEVER)], axis=-1)
