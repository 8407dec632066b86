"""Check a written model against the one that it was made of: the same logits, or what quantizing costs in loss."""

import math
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.data.batch.batches import batch_by_length
from core.data.batch.groups import row_texts
from core.data.tokenize.encode import Encoded
from core.errors import BadModel
from core.events import Event, Warned
from core.model.lm_head import find_lm_head
from core.model.load import LoadedModel
from core.model.log_probs import to_mlx, token_logps
from core.model.precision import DTYPES
from core.run import Run
from core.run.folder import RUN
from core.text.sentence import say
from core.text.shares import describe_share
from core.training.dataset import load_rows

# Largest difference between the logits of the adapter and of the written model, relative to their size.
TOLERANCE = {mx.float32: 1e-4, mx.bfloat16: 5e-2, mx.float16: 1e-2}
PROBE_TEXT = "The quick brown fox jumps over the lazy dog. 1 + 1 = 2"


def probe_logits(loaded: LoadedModel) -> mx.array:
    """Logits [T, V] in float32 for a short fixed text, to compare with those of another model."""
    tokens = loaded.tokenizer.encode(PROBE_TEXT)[:32]
    logits = loaded.model(mx.array([tokens]))[0].astype(mx.float32)
    mx.eval(logits)
    return logits


def check_logits(logits: mx.array, expected: mx.array, dtype: mx.Dtype, target: Path) -> Warned:
    """Compare logits [T, V] of the written model with the adapter's; `dtype` is that of the written weights.

    Raises BadModel where they differ by more than TOLERANCE, as a norm relative to that of `expected`.
    """
    difference = float(mx.linalg.norm(logits - expected) / mx.linalg.norm(expected))
    if not difference <= TOLERANCE[dtype]:
        raise BadModel(
            say(
                "The fused model's logits would differ from the adapter's by {difference:.1%}; {target} is not kept.",
                difference=difference,
                target=target,
            )
        )
    return Warned(
        "checked",
        say(
            "Loaded again: its logits differ from the adapter's by {difference}, which is rounding.",
            difference=describe_share(difference),
        ),
    )


def load_eval_rows(folder: Path, tokenizer: Any) -> Generator[Event, None, list[Encoded]]:
    """The evaluation rows of the run in a folder; [] where the folder is no run, or the run has none."""
    if not (folder / RUN).is_file():
        return []
    rows = yield from load_rows(Run.read(folder / RUN), tokenizer)
    return [text for row in rows.held_out for text in ([row] if isinstance(row, Encoded) else row_texts(row))]


def mean_loss(loaded: LoadedModel, rows: Sequence[Encoded]) -> float | None:
    """Mean loss over all targets, in nats per token; None without rows."""
    if not rows:
        return None
    loaded.model.eval()
    lm_head, _ = find_lm_head(loaded.model, DTYPES[loaded.compute])
    loss, targets = 0.0, 0
    for batch in batch_by_length(rows, 4):
        loss -= float(token_logps(loaded.model, to_mlx(batch), lm_head).sum())
        targets += int(batch.mask.sum())
    return loss / max(1, targets)


def describe_loss(adapter_loss: float | None, quantized_loss: float | None, mode: str) -> Warned:
    """A sentence about what quantizing costs: the loss with the adapter, and of the quantized model."""
    if adapter_loss is None or quantized_loss is None:
        return Warned(
            "packed-loss", say("There are no held-out rows to measure what packing as {mode} costs.", mode=mode)
        )
    increase = quantized_loss / adapter_loss - 1 if adapter_loss else math.inf
    cost = say("next to nothing is lost") if increase < 0.01 else say("{share:.0%} worse", share=increase)
    losses = say(
        "{adapter_loss:.4f} with the adapter, {quantized_loss:.4f} as {mode}",
        adapter_loss=adapter_loss,
        quantized_loss=quantized_loss,
        mode=mode,
    )
    return Warned("packed-loss", say("Held-out loss: {losses}: {cost}.", losses=losses, cost=cost))
