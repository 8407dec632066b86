"""What the reference thinks of the data, computed once before training and kept with the run.

The reference is the model as it was: with the adapter off ("base"), with the adapter it starts from ("initial"),
or another model. It never changes, so each learned token's log-probability under it is computed in one pass over
the rows that the steps will look at; a training step then pays no forward for it, and no second model stays in
memory. The file's name follows from everything that the numbers follow from, so it is never out of date.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core import adapters, other
from core.backend import versions
from core.data.batches import Batch, Batches, collate
from core.data.groups import longest, parts
from core.errors import Unavailable
from core.events import Event, Phase
from core.model.head import Head
from core.model.logps import to_mlx, token_logps
from core.run import Run
from core.runfolder import explain, replacing

BASE, INITIAL = "base", "initial"
NAME = "reference"  # of the key in batch.extra, and of the file

PLAIN: Mapping[str, bool] = {"pack": False, "share": False}

Bring = Callable[[], tuple[nn.Module, Head | None]]


class Table:
    """Log-probabilities of the learned tokens of some rows, one after the other: [M] float32."""

    def __init__(self, trained: Sequence[Any], held_out: Sequence[Any]) -> None:
        self.sets = (trained, held_out)
        self.rows = rows = [*trained, *held_out]
        counts = np.array([[int(text.mask.sum()) for text in parts(row)] for row in rows], np.int64)  # [R, K]
        self.ends = np.concatenate([[0], np.cumsum(counts.ravel())])
        self.texts = counts.shape[1]
        self.values: Any = None

    def span(self, row: int, text: int) -> slice:
        at = row * self.texts + text
        return slice(int(self.ends[at]), int(self.ends[at + 1]))

    def measure(
        self, model: nn.Module, head: Head | None, batch_size: int, layout: Mapping[str, bool], stop: threading.Event
    ) -> Generator[Event, None, None]:
        """Compute the values with a model, yielding progress. Raises Unavailable when stopped.

        Held-out rows go through the model in the very batches in which they are validated: before training, model
        and reference then agree to the last bit.
        """
        values = np.zeros(self.ends[-1], np.float32)
        done = first = 0
        for rows in self.sets:
            order = sorted(range(len(rows)), key=lambda i: longest(rows[i]))
            for start in range(0, len(order), batch_size):
                if stop.is_set():
                    raise Unavailable("The run was stopped before its first step.")
                batch = collate(rows, order[start : start + batch_size], **layout)
                logps = np.array(token_logps(model, to_mlx(batch), head))
                for n, (text, row) in enumerate((k, i) for k in range(self.texts) for i in batch.rows):
                    values[self.span(first + row, text)] = logps[n][batch.mask[n] > 0]
                done += len(batch.rows)
                yield Phase("Asking the reference", fraction=done / len(self.rows))
            first += len(rows)
        self.values = values

    def key(self, who: Any) -> str:
        """The same only where the same model is asked about the same tokens."""
        made = hashlib.blake2b(json.dumps(who, sort_keys=True, default=str).encode(), digest_size=10)
        for row in self.rows:
            for text in parts(row):
                made.update(len(text.tokens).to_bytes(8, "little"))
                made.update(text.tokens.tobytes() + np.packbits(text.mask.astype(bool)).tobytes())
        return made.hexdigest()

    def read(self, file: Path) -> bool:
        """Take the values from a file. Whether they could be had."""
        try:
            values = np.load(file, mmap_mode="r")
        except (OSError, ValueError, EOFError):  # not there, or cut off
            return False
        if values.dtype != np.float32 or values.shape != (self.ends[-1],):
            return False
        self.values = values
        return True

    def write(self, file: Path) -> None:
        """Keep the values, and of earlier ones none."""
        with explain(file):
            with replacing(file) as temporary:
                np.save(temporary, self.values)
            for old in set(file.parent.glob(f"{NAME}-*.npy")) - {file}:
                old.unlink()

    def on(self, batch: Batch, places: Sequence[int]) -> Batch:
        """A batch with the reference's log-probabilities [N, T-1]. places [R]: which rows of the table it holds."""
        spans = [self.span(row, text) for text in range(self.texts) for row in places]
        found = np.zeros(batch.mask.shape, np.float32)
        found[batch.mask > 0] = np.concatenate([self.values[span] for span in spans])
        return replace(batch, extra={**batch.extra, NAME: found})


class Reference:
    """The reference of a run: what it says of the rows that its steps look at, and of those held out."""

    def __init__(self, run: Run, batches: Batches, held_out: Sequence[Any], steps: int) -> None:
        seen = batches.seen(steps)
        self.run = run
        self.used = which(run)
        self.table = Table([batches.rows[i] for i in seen], held_out)
        self._trained = {row: n for n, row in enumerate(seen)}
        self.file = ""

    @property
    def is_other(self) -> bool:
        """Whether it is another model than the one in training."""
        return self.used not in (BASE, INITIAL)

    @property
    def facts(self) -> dict[str, Any]:
        """For resolved.json."""
        asked, tokens = self.run.options.reference, int(self.table.ends[-1])
        return {"requested": asked, "used": self.used, "file": self.file, "tokens": tokens}

    def ask(
        self, folder: Path, who: Any, bring: Bring, stop: threading.Event, layout: Mapping[str, bool] = PLAIN
    ) -> Generator[Event, None, None]:
        """Have the numbers: from the run's folder, or from the model that `bring` gives. `who` says which it is.

        `layout` says how texts may lie in a batch (see core.data.batches.collate). Nothing is written yet, see keep().
        Raises Unavailable when stopped.
        """
        self.file = f"{NAME}-{self.table.key([versions(), who])}.npy"
        if self.table.read(folder / self.file):
            return
        model, head = bring()
        model.eval()
        with adapters.off(model) if self.used == BASE else nullcontext():
            yield from self.table.measure(model, head, self.run.train.batch_size, layout, stop)
        mx.clear_cache()

    def ask_other(
        self, folder: Path, tokenizer: Any, device: str, stop: threading.Event
    ) -> Generator[Event, None, None]:
        """The same with another model, which is gone from memory afterwards."""
        place = yield from other.find("reference", self.used, tokenizer)
        yield Phase("Loading model", self.used)
        who = [self.used, place.fingerprint(), self.run.model.dtype, device]
        yield from self.ask(folder, who, lambda: other.bring(place, self.run, device), stop)

    def keep(self, folder: Path) -> None:
        """Write the numbers into the run's folder, where they are not there already."""
        if not (folder / self.file).exists():
            self.table.write(folder / self.file)

    def of_training(self, batch: Batch) -> Batch:
        return self.table.on(batch, [self._trained[row] for row in batch.rows])

    def of_held_out(self, batch: Batch) -> Batch:
        return self.table.on(batch, [len(self._trained) + row for row in batch.rows])


class Referenced:
    """Batches that bring along what the reference says of them."""

    def __init__(self, batches: Batches, reference: Reference) -> None:
        self.batches, self.reference = batches, reference
        self.steps_per_epoch = batches.steps_per_epoch

    def window(self, step: int) -> list[Batch]:
        return [self.reference.of_training(batch) for batch in self.batches.window(step)]


def which(run: Run) -> str:
    """ "base", "initial", or the other model: as TRL, the initial adapter where one is given, else the base."""
    asked = run.options.reference
    if asked is None:
        return INITIAL if run.adapter.init else BASE
    return BASE if asked == INITIAL and not run.adapter.init else str(asked)  # a fresh adapter changes nothing
