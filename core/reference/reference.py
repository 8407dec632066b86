"""What the reference thinks of the data, computed once before training and kept with the run.

The reference is the model as it was: with the adapter off ("base"), with the adapter it starts from ("initial"),
or another model. It never changes, so each learned token's log-probability under it is computed in one pass over
the rows that the steps will look at; a training step then pays no forward for it, and no second model stays in
memory.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core import adapters
from core.data.batch.batches import Batch, Batches
from core.device.machine import versions
from core.device.parallel import map_in_order
from core.events import Event, Phase
from core.model.lm_head import LMHead
from core.model.log_probs import to_mlx, token_logps
from core.reference import frozen_model
from core.reference.logprob_cache import PLAIN, Table
from core.run import Run

BASE, INITIAL = "base", "initial"
NAME = "reference"  # of the key in batch.extra, and of the file

Bring = Callable[[], tuple[nn.Module, LMHead | None]]


class Reference:
    """The reference of a run: what it says of the rows that its steps look at, and of those held out."""

    def __init__(self, run: Run, batches: Batches, held_out: Sequence[Any], steps: int) -> None:
        self.run = run
        self.used = which(run)
        self.table = Table(NAME, batches, held_out, steps)
        self.file = ""

    @property
    def is_other(self) -> bool:
        """Whether it is another model than the one in training."""
        return self.used not in (BASE, INITIAL)

    @property
    def facts(self) -> dict[str, Any]:
        """For resolved.json."""
        return {
            "requested": self.run.options.reference,
            "used": self.used,
            "file": self.file,
            "tokens": len(self.table),
        }

    def ask(
        self,
        folder: Path,
        who: Any,
        bring: Bring,
        stop: threading.Event,
        layout: Mapping[str, bool] = PLAIN,
        at_once: int = 1,
    ) -> Generator[Event, None, None]:
        """Have the numbers: from the run's folder, or from the model that `bring` gives. `who` says which it is.

        `layout` says how texts may lie in a batch (see core.data.batch.batches.collate), of which so many are computed
        `at_once`. Nothing is written yet, see keep(). Raises Unavailable when stopped.
        """
        self.file = self.table.file([versions(), who])
        if self.table.read(folder / self.file):
            return
        model, head = bring()
        model.eval()

        def logps(batches: Iterable[Batch]) -> Iterator[tuple[Batch, Any]]:
            for batch, made in map_in_order(
                lambda b: token_logps(model, to_mlx(b), head), batches, at_once, models=[model, head]
            ):
                yield batch, np.array(made)[batch.mask > 0]

        with adapters.disable(model) if self.used == BASE else nullcontext():
            yield from self.table.measure(logps, self.run.train.batch_size, stop, layout)

    def ask_other(
        self, folder: Path, tokenizer: Any, device: str, stop: threading.Event, at_once: int = 1
    ) -> Generator[Event, None, None]:
        """The same with another model, which is gone from memory afterwards."""
        place = yield from frozen_model.find("reference", self.used, tokenizer)
        yield Phase("Loading model", self.used)
        who = [self.used, place.fingerprint(), self.run.model.dtype, device]
        yield from self.ask(folder, who, lambda: frozen_model.bring(place, self.run, device), stop, at_once=at_once)
        mx.clear_cache()

    def keep(self, folder: Path) -> None:
        """Write the numbers into the run's folder, where they are not there already."""
        self.table.write(folder / self.file)

    def of_training(self, batch: Batch) -> Batch:
        return _on(batch, self.table.of_training(batch))

    def of_held_out(self, batch: Batch) -> Batch:
        return _on(batch, self.table.of_held_out(batch))


def _on(batch: Batch, logps: Any) -> Batch:
    """A batch with the reference's log-probabilities [N, T-1], from those of its targets [M]."""
    found = np.zeros(batch.mask.shape, np.float32)
    found[batch.mask > 0] = logps
    return replace(batch, extra={**batch.extra, NAME: found})


def which(run: Run) -> str:
    """ "base", "initial", or the other model: as TRL, the initial adapter where one is given, else the base."""
    asked = run.options.reference
    if asked is None:
        return INITIAL if run.adapter.init else BASE
    return BASE if asked == INITIAL and not run.adapter.init else str(asked)  # a fresh adapter changes nothing
