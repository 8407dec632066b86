"""Log-probabilities of whole batches where nothing is learned, in parts where a GPU does not manage them whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch
from core.data.batch.parts import count_cells, take_rows
from core.device.gpu_failure import GPUFailure, find_failure, finish_work
from core.model.lm_head import LMHead
from core.model.log_probs import to_mlx, token_logps


@dataclass
class PartedLogps:
    """token_logps() of batches of NumPy arrays, as NumPy arrays. What failed is done again with half as many rows at
    once, and so is what follows: a Mac's system lets a program fail a few times only."""

    model: Any
    lm_head: LMHead | None
    recovers: bool  # see core.device.gpu_failure.can_recover
    max_tokens: int | None = None  # in the model at once, with padding, once that is known

    def __call__(self, batch: Batch) -> Any:
        """[N, T-1] float32. Raises the GPU's error where a single row is too much."""
        while True:
            count = len(batch.rows)
            if self.max_tokens is not None:
                count = min(count, max(1, self.max_tokens * count // max(1, count_cells(batch))))
            parts = [range(len(batch.rows))[i : i + count] for i in range(0, len(batch.rows), count)]
            try:
                return self._compute(batch) if len(parts) == 1 else self._compute_parts(batch, parts)
            except RuntimeError as error:
                failure = find_failure(error) if self.recovers else None
                if failure in (None, GPUFailure.LOST) or count == 1:
                    raise
                self.max_tokens = max(1, count_cells(batch) * count // len(batch.rows) // 2)
            mx.clear_cache()

    def _compute(self, batch: Batch) -> Any:
        logps = token_logps(self.model, to_mlx(batch), self.lm_head)
        if self.recovers:
            finish_work(logps)
        return np.array(logps)

    def _compute_parts(self, batch: Batch, parts: Sequence[range]) -> Any:
        whole = np.zeros(batch.mask.shape, np.float32)
        texts_per_row = len(batch.lengths) // len(batch.rows)
        for part in parts:
            logps = self._compute(take_rows(batch, part))
            # The first text of every row comes before the second of every row, in the part as in the whole.
            for kind in range(texts_per_row):
                place = slice(kind * len(batch.rows) + part.start, kind * len(batch.rows) + part.stop)
                whole[place, : logps.shape[1]] = logps[kind * len(part) : (kind + 1) * len(part)]
        return whole
