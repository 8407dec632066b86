"""What a model makes of rows and of general text: losses, and which answers it prefers."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx

from core import adapters
from core.data.batch.batches import batch_by_length
from core.data.batch.groups import Group
from core.data.kinds import PAIRS
from core.distributed.group import Group as Ranks
from core.methods._preference import chosen_is_likelier, wins
from core.model.lm_head import find_lm_head
from core.model.load import LoadedModel
from core.model.log_probs import to_mlx, token_logps
from core.model.precision import DTYPES
from core.model.together import together
from core.training.forgetting import METRIC, Forgetting, compare, known_texts
from core.training.general_text import measure_losses
from core.training.metrics import MetricMeans


class EvalLoss(NamedTuple):
    """What a pass over the rows measures."""

    loss: float  # mean over all targets, in nats per token
    targets: int
    preferences: dict[str, float]  # of pairs: shares from 0 to 1; empty for other rows
    row_losses: list[float]  # of each row, in nats per token


def measure_loss(loaded: LoadedModel, rows: Sequence[Group], batch_size: int, kind: str, group: Ranks) -> EvalLoss:
    """The loss of rows, by a model that is parted over the ranks of `group`."""
    model = loaded.model
    loss, targets, tally = 0.0, 0, MetricMeans()
    row_losses = [math.nan] * len(rows)
    # Every weight trained leaves no base to compare with, as does an adapter merged into parts.
    has_base = kind == PAIRS and any(group.gather(bool(adapters.adapter_layers(model))))
    with together(group) as go_on:
        lm_head, _ = find_lm_head(model, DTYPES[loaded.compute])
        for batch in batch_by_length(rows, batch_size):
            go_on()
            inputs, count = to_mlx(batch), len(batch.rows)
            logps = token_logps(model, inputs, lm_head)
            loss -= float(logps[:count].sum())  # of a pair, the chosen answer
            row_means = -logps[:count].sum(-1) / inputs.mask[:count].sum(-1)
            for row, mean in zip(batch.rows, row_means.tolist(), strict=True):
                row_losses[row] = mean
            targets += int(batch.mask[:count].sum())
            if kind == PAIRS:
                sums = logps.sum(-1)
                tally.add({"preferred": chosen_is_likelier(logps, inputs).mean()}, count)
                if has_base:
                    with adapters.disable(model):
                        log_ratios = sums - token_logps(model, inputs, lm_head).sum(-1)
                    tally.add({"accuracy": wins(*mx.split(log_ratios, 2)).mean()}, count)
    return EvalLoss(loss / targets, targets, tally.means(), row_losses)


def measure_general(loaded: LoadedModel, tokenizer: Any) -> tuple[dict[str, float], Forgetting | None]:
    """The loss on the general texts that the model, or an adapter's base, knows something of; and of an adapter, what
    it has cost."""
    model = loaded.model
    lm_head, _ = find_lm_head(model, DTYPES[loaded.compute])
    losses = measure_losses(model, tokenizer, lm_head)
    if adapters.adapter_layers(model):
        with adapters.disable(model):
            before = measure_losses(model, tokenizer, lm_head)
        found = compare(before, losses, len(tokenizer))
        if found:
            return {METRIC: found.after}, found
    measured = [losses[i] or 0.0 for i in known_texts(losses, len(tokenizer))]
    return {METRIC: sum(measured) / len(measured)} if measured else {}, None
