"""The reference's log-probabilities of the data, computed once before training and kept with the run.

The reference is the model as it was: with the adapter off ("base"), with the adapter it starts from ("initial"),
or another model. It never changes, so each target's log-probability under it is computed in one pass over the rows that
the steps will look at; a training step then pays no forward pass for it, and no second model stays in memory.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core import adapters
from core.data.batch.batches import Batch, Batches
from core.device.gpu_failure import can_recover
from core.device.machine import versions
from core.device.parallel import map_in_order
from core.distributed.group import Group
from core.events import Event, Phase
from core.model.lm_head import LMHead
from core.model.log_probs import FixedLogps, to_mlx, token_logps
from core.model.parted_logps import PartedLogps
from core.reference import frozen_model
from core.reference.logprob_cache import UNPACKED_LAYOUT, LogprobCache
from core.resolved import ReferenceFacts
from core.run import Run

BASE, INITIAL = "base", "initial"
NAME = "reference"  # of the key in batch.extra, and of the file

GetModel = Callable[[], tuple[nn.Module, LMHead | None]]


class Reference:
    """The reference of a run: its log-probabilities of the rows that the steps look at, and of those held out."""

    def __init__(
        self, run: Run, batches: Batches, held_out: Sequence[Any], steps: int, group: Group | None = None
    ) -> None:
        """`group` are the ranks that compute it together."""
        self.run = run
        self.model_name = resolve_reference(run)
        self._cache = LogprobCache(NAME, batches, held_out, steps, group or Group())
        self._file = ""
        self.source: frozen_model.ModelSource | None = None  # of another model, once it is found

    @property
    def is_other_model(self) -> bool:
        """Whether it is another model than the one in training."""
        return self.model_name not in (BASE, INITIAL)

    @property
    def facts(self) -> ReferenceFacts:
        """For resolved.json."""
        return ReferenceFacts(self.run.options.reference, self.model_name, self._file, tokens=len(self._cache))

    def compute(
        self,
        folder: Path,
        fingerprint: Any,
        get_model: GetModel,
        stop: threading.Event,
        layout: Mapping[str, bool] = UNPACKED_LAYOUT,
        parallel_batches: int = 1,
        fixed_logps: FixedLogps | None = None,
        as_steps: bool = False,
    ) -> Generator[Event, None, None]:
        """Read the log-probabilities from the run's folder, or compute them. Nothing is written yet, see save().

        Arguments:
            fingerprint: says which model it is; what was kept for another one is not used.
            get_model: gives the model, where it is needed.
            layout: how texts may lie in a batch, see core.data.batch.batches.collate.
            parallel_batches: how many batches are computed side by side.
            fixed_logps: computes in place of MLX.
            as_steps: training rows go through in the batches in which they are first learned from: whoever computes
                them as the steps do agrees with the model before it has learned to the last bit.

        Yields progress. Raises Unavailable when `stop` is set.
        """
        self._file = self._cache.file_name([versions(), fingerprint])
        if self._cache.load(folder / self._file):
            return
        model, lm_head = get_model()
        model.eval()

        with adapters.disable(model) if self.model_name == BASE else nullcontext():
            logps = fixed_logps() if fixed_logps else _MLXLogps(model, lm_head, parallel_batches)

            def target_logps(batches: Iterable[Batch]) -> Iterator[tuple[Batch, Any]]:
                return ((batch, of_all[batch.mask > 0]) for batch, of_all in logps.of_each(batches))

            yield from self._cache.fill(
                target_logps, self.run.train.batch_size, stop, layout, logps if as_steps else None
            )

    def compute_other_model(
        self, folder: Path, tokenizer: Any, device: str, stop: threading.Event, parallel_batches: int = 1
    ) -> Generator[Event, None, None]:
        """The same with another model, which is gone from memory afterwards. Raises BadModel too."""
        self.source = source = yield from frozen_model.find_source("reference", self.model_name, tokenizer)
        yield Phase("Loading model", self.model_name)
        fingerprint = [self.model_name, source.fingerprint(), self.run.model.dtype, device]

        def load_model() -> tuple[nn.Module, LMHead | None]:
            return frozen_model.load_frozen(source, self.run, device)

        yield from self.compute(folder, fingerprint, load_model, stop, parallel_batches=parallel_batches)
        mx.clear_cache()

    def save(self, folder: Path) -> None:
        """Write the log-probabilities into the run's folder, where they are not there already."""
        self._cache.save(folder / self._file)

    def annotate_training(self, batch: Batch) -> Batch:
        """A training batch with the reference's log-probabilities [N, T-1] in its `extra`."""
        return _with_logps(batch, self._cache.training_entries(batch))

    def annotate_held_out(self, batch: Batch) -> Batch:
        """The same for a batch of held-out rows."""
        return _with_logps(batch, self._cache.held_out_entries(batch))


@dataclass(frozen=True)
class _MLXLogps:
    """StepLogps of MLX: with a model as it is."""

    model: nn.Module
    lm_head: LMHead | None
    parallel_batches: int

    def of_step(self, batches: Sequence[Batch]) -> Iterator[np.ndarray]:
        return (logps for _, logps in self.of_each(batches))

    def of_each(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, np.ndarray]]:
        if can_recover("gpu" if mx.default_device() == mx.gpu else "cpu"):
            parted = PartedLogps(self.model, self.lm_head, recovers=True)
            yield from ((batch, parted(batch)) for batch in batches)
            return
        models = [self.model, self.lm_head]
        for batch, logps in map_in_order(self._compute, batches, self.parallel_batches, models=models):
            yield batch, np.array(logps)

    def _compute(self, batch: Batch) -> mx.array:
        return token_logps(self.model, to_mlx(batch), self.lm_head)


def _with_logps(batch: Batch, target_logps: Any) -> Batch:
    """A batch with log-probabilities [N, T-1], from those of its targets [M]."""
    logps = np.zeros(batch.mask.shape, np.float32)
    logps[batch.mask > 0] = target_logps
    return replace(batch, extra={**batch.extra, NAME: logps})


def resolve_reference(run: Run) -> str:
    """ "base", "initial", or the other model: as in TRL, the initial adapter where one is given, else the base."""
    requested = run.options.reference
    if requested is None:
        return INITIAL if run.adapter.init else BASE
    return BASE if requested == INITIAL and not run.adapter.init else str(requested)  # a fresh adapter changes nothing
