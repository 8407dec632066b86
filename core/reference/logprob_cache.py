"""What another model says of every learned token of some rows: computed in one pass, and kept in a file.

The file's name follows from everything that the numbers follow from, so it is never out of date.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic_files import explain, replacing
from core.data.batch.batches import Batch, Batches, Windows, collate
from core.data.batch.groups import longest, parts
from core.errors import Unavailable
from core.events import Phase

SHOWN = 20  # times that progress is told, at most
PLAIN: Mapping[str, bool] = {"pack": False, "share": False}
# Batches -> (each, the entries of its targets in the order of its flattened mask), one after the other.
Ask = Callable[[Iterable[Batch]], Iterable[tuple[Batch, Any]]]


class Table:
    """One entry for each learned token of some rows, row after row and text after text: [M, ...].

    The rows are those that the first `steps` steps look at, and behind them those held out.
    """

    def __init__(self, name: str, batches: Batches, held_out: Sequence[Any], steps: int) -> None:
        seen = batches.seen(steps)
        self._trained = {row: n for n, row in enumerate(seen)}
        self.name, self.sets = name, ([batches.rows[i] for i in seen], held_out)
        self.rows = rows = [*self.sets[0], *held_out]
        counts = np.array([[int(text.mask.sum()) for text in parts(row)] for row in rows], np.int64)  # [R, K]
        self.ends = np.concatenate([[0], np.cumsum(counts.ravel())])
        self.texts = counts.shape[1]
        self.entries: Any = None

    def __len__(self) -> int:
        return int(self.ends[-1])

    def span(self, row: int, text: int) -> slice:
        at = row * self.texts + text
        return slice(int(self.ends[at]), int(self.ends[at + 1]))

    def measure(
        self, ask: Ask, batch_size: int, stop: threading.Event, layout: Mapping[str, bool] = PLAIN
    ) -> Generator[Phase, None, None]:
        """Fill the table, yielding progress. Raises Unavailable when stopped.

        Held-out rows go through in the very batches in which they are validated: a model that is asked about itself
        agrees to the last bit.
        """
        done = first = 0
        for rows in self.sets:
            for batch, found in ask(_batches(rows, batch_size, layout)):
                if stop.is_set():
                    raise Unavailable("The run was stopped before its first step.")
                if self.entries is None:
                    self.entries = np.zeros((len(self), *found.shape[1:]), found.dtype)
                at = 0
                for text in range(self.texts):
                    for row in batch.rows:
                        span = self.span(first + row, text)
                        self.entries[span] = found[at : at + span.stop - span.start]
                        at += span.stop - span.start
                before, done = done, done + len(batch.rows)
                if SHOWN * done // len(self.rows) > SHOWN * before // len(self.rows):
                    yield Phase(f"Asking the {self.name}", fraction=done / len(self.rows))
            first += len(rows)

    def file(self, who: Any) -> str:
        """A name that is the same only where the same model (`who`) is asked about the same tokens."""
        made = hashlib.blake2b(json.dumps(who, sort_keys=True, default=str).encode(), digest_size=10)
        for row in self.rows:
            for text in parts(row):
                made.update(len(text.tokens).to_bytes(8, "little"))
                made.update(text.tokens.tobytes() + np.packbits(text.mask.astype(bool)).tobytes())
        return f"{self.name}-{made.hexdigest()}.npy"

    def read(self, file: Path) -> bool:
        """Take the entries from a file. Whether they could be had."""
        try:
            entries = np.load(file, mmap_mode="r")
        except (OSError, ValueError, EOFError):  # not there, or cut off
            return False
        if len(entries) != len(self):
            return False
        self.entries = entries
        return True

    def write(self, file: Path) -> None:
        """Keep the entries, and of earlier ones none; nothing to do where they are kept."""
        if file.exists():
            return
        with explain(file):
            with replacing(file) as temporary:
                np.save(temporary, self.entries)
            for old in set(file.parent.glob(f"{self.name}-*.npy")) - {file}:
                old.unlink()

    def of_training(self, batch: Batch) -> Any:
        """The entries of a training batch's targets, in the order of its flattened mask."""
        return self._of([self._trained[row] for row in batch.rows])

    def of_held_out(self, batch: Batch) -> Any:
        """The same for a batch of held-out rows."""
        return self._of([len(self._trained) + row for row in batch.rows])

    def _of(self, rows: Sequence[int]) -> Any:
        return np.concatenate([self.entries[self.span(row, text)] for text in range(self.texts) for row in rows])


def _batches(rows: Sequence[Any], batch_size: int, layout: Mapping[str, bool]) -> Iterator[Batch]:
    order = sorted(range(len(rows)), key=lambda i: longest(rows[i]))
    for start in range(0, len(order), batch_size):
        yield collate(rows, order[start : start + batch_size], **layout)


class Told:
    """Batches that bring along what another model says of them."""

    def __init__(self, batches: Windows, tell: Callable[[Batch], Batch]) -> None:
        self.batches, self.tell = batches, tell
        self.steps_per_epoch = batches.steps_per_epoch

    def window(self, step: int) -> list[Batch]:
        return [self.tell(batch) for batch in self.batches.window(step)]

    def metrics(self) -> dict[str, float]:
        return self.batches.metrics()
