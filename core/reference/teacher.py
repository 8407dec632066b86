"""The teacher of a distillation: beside the model in training, or asked once and kept as its likeliest tokens."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch, Batches
from core.device.machine import versions
from core.errors import BadOption
from core.events import Event, Phase
from core.model.chunked_divergence import per_target
from core.model.lm_head import LMHead
from core.model.log_probs import in_place, learned_tokens, target_hidden, to_mlx
from core.reference import frozen_model
from core.reference.logprob_cache import Table
from core.run import Run

NAME = "teacher"
ENTRY = np.dtype([("token", "<u4"), ("logp", "<f4")])  # of the teacher's likeliest tokens at a target
NEVER = -60.0  # log-probability of what is as good as impossible; minus infinity has no gradient


class Teacher:
    """What a student is compared with. prepare() loads or asks it; the rest is for the loop."""

    def __init__(self, run: Run) -> None:
        self.run, self.o = run, run.options
        if self.o.teacher is None:
            raise BadOption("Distillation needs a model to learn from: give --teacher FOLDER, or a Hugging Face id.")
        self._model: Any = None
        self._head: LMHead | None = None
        self._table: Table | None = None
        self._file = ""

    @property
    def facts(self) -> dict[str, Any]:
        """For resolved.json."""
        kept = {"file": self._file, "tokens": len(self._table)} if self._table else {}
        return {"path": self.o.teacher, "used": "kept" if self._table else "live", "top_k": self.o.teacher_top_k} | kept

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
        """Load the teacher, or have what it says of the rows and let it go. Raises BadModel, Unavailable."""
        place = yield from frozen_model.find("teacher", self.o.teacher, tokenizer)
        if self.o.teacher_top_k is None:
            yield Phase("Loading model", self.o.teacher)
            self._model, self._head = frozen_model.bring(place, self.run, device)
            return
        self._table = Table(NAME, batches, held_out, steps)
        who = [self.o.teacher, place.fingerprint(), self.run.model.dtype, device]
        self._file = self._table.file([versions(), who, self.o.temperature, self.o.teacher_top_k])
        if self._table.read(folder / self._file):
            return
        yield Phase("Loading model", self.o.teacher)
        ask = partial(map, partial(self._likeliest, *frozen_model.bring(place, self.run, device)))
        yield from self._table.measure(ask, self.run.train.batch_size, stop)
        del ask  # and with it the teacher
        mx.clear_cache()

    @property
    def models(self) -> list[Any]:
        """The teacher in memory, where it is asked in every step."""
        return [self._model, self._head]

    def keep(self, folder: Path) -> None:
        """Write what was asked into the run's folder."""
        if self._table:
            self._table.write(folder / self._file)

    def of_training(self, batch: Batch) -> Batch:
        return _on(batch, self._table.of_training(batch)) if self._table else batch

    def of_held_out(self, batch: Batch) -> Batch:
        return _on(batch, self._table.of_held_out(batch)) if self._table else batch

    def says(self, batch: Batch) -> list[mx.array]:
        """What the comparison needs of the teacher for each target of a batch of MLX arrays, [M, ...] each."""
        if self._table:
            return [batch.extra["teacher_tokens"], batch.extra["teacher_logps"]]
        # The texts lie one in a row here: which layouts are exact was measured on the student.
        made = [_states(self._model, self._head, to_mlx(replace(batch, layout=None, extra={})))]
        mx.eval(made)
        return made

    def compare(self, model: Any, head: LMHead | None, batch: Batch, said: Sequence[mx.array]) -> tuple[mx.array, ...]:
        """(log-probabilities of the targets, divergence at the targets), [N, T-1] each, zero where nothing is learned.

        `said` is what says() gave: no gradient goes there.
        """
        targets = learned_tokens(batch)
        if head is None:
            numbers = self._numbers(_states(model, None, batch), targets, *said)
        else:
            numbers = per_target(head, target_hidden(model, batch, head), self._numbers, [targets, *said])
        return tuple(in_place(n, batch) for n in numbers)

    def _numbers(self, logits: mx.array, targets: mx.array, *said: mx.array) -> tuple[mx.array, mx.array]:
        """(log-probability of the target, divergence) from the student's logits [m, V]."""
        logps = mx.take_along_axis(logits, targets[:, None], axis=-1).squeeze(-1) - mx.logsumexp(logits, axis=-1)
        t, compare = self.o.temperature, self.run.spec.divergence
        assert compare is not None
        if len(said) == 1:
            theirs = said[0] if self._head is None else self._head.logits(said[0]).astype(mx.float32)
            shared = min(logits.shape[-1], theirs.shape[-1])  # some models have room for more tokens than there are
            return logps, compare(_log_softmax(logits[:, :shared] / t), _log_softmax(theirs[:, :shared] / t), self.o)
        tokens, theirs = said
        return logps, compare(_reduced(logits / t, tokens), theirs, self.o)

    def _likeliest(self, model: Any, head: LMHead | None, batch: Batch) -> tuple[Batch, Any]:
        """(the batch, the teacher's K likeliest tokens at each of its targets and, as the last entry, all others
        together)."""
        states = _states(model, head, to_mlx(batch))
        found = []
        for start in range(0, len(states), 64):
            part = states[start : start + 64]
            logits = (part if head is None else head.logits(part)).astype(mx.float32) / self.o.temperature
            count = min(self.o.teacher_top_k, logits.shape[-1] - 1)
            tokens = mx.argpartition(-logits, count - 1, axis=-1)[:, :count]
            entries = np.zeros((len(part), count + 1), ENTRY)
            entries["token"][:, :count] = np.array(tokens)
            entries["logp"] = np.array(_reduced(logits, tokens))
            found.append(entries)
        return batch, np.concatenate(found)


def _on(batch: Batch, entries: Any) -> Batch:
    """A batch with the teacher's likeliest tokens [M, K] and their log-probabilities [M, K + 1], the rest's last."""
    said = {"teacher_tokens": entries["token"][:, :-1], "teacher_logps": entries["logp"]}
    return replace(batch, extra={**batch.extra, **said})


def _states(model: Any, head: LMHead | None, batch: Batch) -> mx.array:
    """The hidden state that predicts each target, [M, D]; its logits [M, V] where there is no head."""
    if head is not None:
        return target_hidden(model, batch, head)
    logits = model(batch.tokens[:, :-1]).astype(mx.float32)
    return logits.reshape(-1, logits.shape[-1])[batch.places]


def _log_softmax(logits: mx.array) -> mx.array:
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


def _reduced(logits: mx.array, tokens: mx.array) -> mx.array:
    """Log-probabilities [m, K + 1] of some tokens [m, K], and of all others together."""
    whole = mx.logsumexp(logits, axis=-1, keepdims=True)
    named = mx.take_along_axis(logits, tokens, axis=-1) - whole
    others = mx.put_along_axis(logits, tokens, mx.array(-mx.inf), axis=-1)
    rest = mx.logsumexp(others, axis=-1, keepdims=True) - whole
    return mx.concatenate([named, mx.maximum(rest, NEVER)], axis=-1)
