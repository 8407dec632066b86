"""What another model says of every target of some rows: computed in one pass, and kept in a file.

The name of the file follows from everything that the numbers follow from, so the file is never out of date.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from core.data.batch.batches import Batch, Batches, collate
from core.data.batch.groups import longest_text, row_texts
from core.distributed.group import Group
from core.distributed.session import current_session
from core.errors import Unavailable
from core.events import Phase
from core.files.atomic_files import replacing
from core.files.checksums import add_checksum, has_checksum
from core.files.file_errors import explain
from core.model.log_probs import StepLogps
from core.text.sentence import say

PROGRESS_UPDATES = 20  # at most
STOPPED = say("The run was stopped before its first step.")
_EXCHANGED = 8 << 20  # numbers that ranks exchange at once
UNPACKED_LAYOUT: Mapping[str, bool] = {"pack": False, "share": False}  # arguments of collate

# batches -> (each batch, the entries of its targets [m, ...] in the order of its flattened mask), one after the other
ComputeEntries = Callable[[Iterable[Batch]], Iterable[tuple[Batch, Any]]]


class LogprobCache:
    """One entry for each target of some rows, row after row and text after text: [M, ...].

    An entry is a log-probability, or what else a model says of a target. The rows are those that the first `steps`
    optimizer steps look at, and behind them those held out. Several ranks compute them together.
    """

    def __init__(
        self, name: str, batches: Batches, held_out: Sequence[Any], steps: int, group: Group, dtype: Any = np.float32
    ) -> None:
        """`dtype` is that of an entry, or of each field of one: of four bytes, whole numbers below 2^24."""
        train_rows = batches.rows_in_steps(steps)
        self.name, self._group, self._dtype = name, group, np.dtype(dtype)
        self._batches, self._first_steps = batches, min(steps, batches.steps_per_epoch)
        self.row_sets = ([batches.rows[i] for i in train_rows], held_out)
        self.rows = [*self.row_sets[0], *held_out]
        self.entries: Any = None  # [M, ...], NumPy
        self._is_loaded = False  # from a file
        self._train_position = {row: n for n, row in enumerate(train_rows)}
        targets = np.array([[int(text.mask.sum()) for text in row_texts(row)] for row in self.rows], np.int64)  # [R, K]
        self._ends = np.concatenate([[0], np.cumsum(targets.ravel())])
        self._texts = targets.shape[1]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def fill(
        self,
        compute: ComputeEntries,
        batch_size: int,
        stop: threading.Event,
        layout: Mapping[str, bool] = UNPACKED_LAYOUT,
        step_logps: StepLogps | None = None,
    ) -> Generator[Phase, None, None]:
        """Compute all entries, yielding progress. Raises Unavailable when `stop` is set.

        Held-out rows go through in the very batches in which they are validated, and with `step_logps` training rows in
        those in which they are first learned from: a model that is asked about itself agrees to the last bit. Of
        several ranks each computes some of the batches.
        """
        finished_rows = first = 0
        rank, ranks = self._group.rank, self._group.size

        def sorted_rows(rows: Sequence[Any]) -> Iterable[tuple[Batch, Any]]:
            return compute(islice(_sorted_batches(rows, batch_size, layout), rank, None, ranks))

        train_rows, held_out = self.row_sets
        training = self._in_steps(step_logps) if step_logps else sorted_rows(train_rows)
        for rows, computed in ((train_rows, training), (held_out, sorted_rows(held_out))):
            for batch, entries in computed:
                if stop.is_set():
                    raise Unavailable(STOPPED)
                self._store(entries, [first + row for row in batch.rows])
                updates = PROGRESS_UPDATES * finished_rows // len(self.rows)
                finished_rows = min(finished_rows + len(batch.rows) * ranks, len(self.rows))  # the others as many
                if PROGRESS_UPDATES * finished_rows // len(self.rows) > updates:
                    yield Phase(f"Asking the {self.name}", fraction=finished_rows / len(self.rows))
            first += len(rows)
        self._share()

    def _in_steps(self, step_logps: StepLogps) -> Iterator[tuple[Batch, Any]]:
        """The batches of the steps in which this rank sees the training rows first, by the rows' places in `rows`."""
        for step in range(1, self._first_steps + 1):
            batches = self._batches.window(step)
            for batch, logps in zip(batches, step_logps.of_step(batches), strict=True):
                places = tuple(self._train_position[row] for row in batch.rows)
                yield replace(batch, rows=places), logps[batch.mask > 0]

    def file_name(self, fingerprint: Any) -> str:
        """A name that is the same only where the same model (`fingerprint`) is asked about the same tokens."""
        digest = hashlib.blake2b(json.dumps(fingerprint, sort_keys=True, default=str).encode(), digest_size=10)
        for row in self.rows:
            for text in row_texts(row):
                digest.update(len(text.tokens).to_bytes(8, "little"))
                digest.update(text.tokens.tobytes() + np.packbits(text.mask.astype(bool)).tobytes())
        return f"{self.name}-{digest.hexdigest()}.npy"

    def load(self, path: Path) -> bool:
        """Take the entries from a file; returns whether that could be done: it is there, whole and undamaged.

        Of several ranks the first reads it, for all. Raises Unavailable where they have other rows.
        """
        if self._group.size > 1 and (
            session := current_session()
        ):  # or they would exchange what does not belong together
            session.agree({"rows": self.file_name(None)}, {"rows": say("the dataset")})
        found = self._group.broadcast(self._group.is_first and self._read(path))
        if found:
            self._share()
        return bool(found)

    def _read(self, path: Path) -> bool:
        try:
            if not has_checksum(path):
                return False
            entries = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return False
        if len(entries) != len(self):
            return False
        self.entries, self._is_loaded = entries, True
        return True

    def save(self, path: Path) -> None:
        """Write the entries and remove earlier files of the same name; nothing to do where they came from the file."""
        if self._is_loaded:
            return
        with explain(path):
            with replacing(path) as temporary:
                np.save(temporary, self.entries)
                add_checksum(temporary)
            for old in set(path.parent.glob(f"{self.name}-*.npy")) - {path}:
                old.unlink()

    def training_entries(self, batch: Batch) -> Any:
        """The entries of a training batch's targets, [m, ...] in the order of its flattened mask."""
        return self._lookup([self._train_position[row] for row in batch.rows])

    def held_out_entries(self, batch: Batch) -> Any:
        """The same for a batch of held-out rows."""
        return self._lookup([len(self._train_position) + row for row in batch.rows])

    def _share(self) -> None:
        """Take over the entries of the other ranks: each entry is zero on all of them but one."""
        if self._group.size == 1:
            return
        import mlx.core as mx

        shape = self._group.broadcast(None if self.entries is None else list(self.entries.shape[1:]))
        mine = np.zeros((len(self), *shape), self._dtype) if self.entries is None else self.entries
        whole = np.empty(mine.shape, self._dtype)
        targets = max(1, _EXCHANGED // max(1, int(np.prod(shape))))  # in one exchange
        for start in range(0, len(self), targets):
            part = slice(start, start + targets)
            for name in self._dtype.names or (...,):
                total = self._group.all_sum(mx.array(np.ascontiguousarray(mine[part][name], np.float32)))
                whole[part][name] = np.array(total)
        self.entries = whole

    def _store(self, entries: Any, rows: Sequence[int]) -> None:
        """Put the entries of a batch with these rows, text by text, into their places."""
        if self.entries is None:
            self.entries = np.zeros((len(self), *entries.shape[1:]), self._dtype)
        start = 0
        for text in range(self._texts):
            for row in rows:
                span = self._span(row, text)
                self.entries[span] = entries[start : start + span.stop - span.start]
                start += span.stop - span.start

    def _lookup(self, rows: Sequence[int]) -> Any:
        return np.concatenate([self.entries[self._span(row, text)] for text in range(self._texts) for row in rows])

    def _span(self, row: int, text: int) -> slice:
        n = row * self._texts + text
        return slice(int(self._ends[n]), int(self._ends[n + 1]))


def _sorted_batches(rows: Sequence[Any], batch_size: int, layout: Mapping[str, bool]) -> Iterator[Batch]:
    order = sorted(range(len(rows)), key=lambda i: longest_text(rows[i]))
    for start in range(0, len(order), batch_size):
        yield collate(rows, order[start : start + batch_size], **layout)
