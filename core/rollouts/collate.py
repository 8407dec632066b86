"""Groups of completions as training batches."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from core.data.batch.batches import Batch, collate
from core.data.batch.groups import Group
from core.data.batch.parts import take_rows
from core.data.batch.shares import Share, share_batches
from core.data.tokenize.encode import Encoded
from core.rollouts.samples_file import RolloutGroup


class _GroupPart(NamedTuple):
    """Some completions of a group that go into the same batch."""

    group: int  # index of the group
    members: range  # indices of the completions in the group


def collate_rollouts(
    groups: Sequence[RolloutGroup],
    advantages: np.ndarray,
    *,
    micro_batch_size: int,
    skip_flat: bool,
    mask_truncated: bool,
    keep_order: bool,
    layout: dict[str, Any],
    parallel_batches: int = 1,
) -> list[Batch]:
    """The batches of one optimizer step, each of up to `micro_batch_size` completions; groups stay whole if they fit.

    Where `parallel_batches` are computed side by side, there are at least so many if there are enough completions.

    advantages [R, G] of R groups with G completions. With `skip_flat`, groups whose advantages are all zero are left
    out: without a KL term they have no gradient. (If all groups are flat, one is included, so that there is a step.)
    With `mask_truncated`, truncated completions are in their batches without a target. Without `keep_order`, groups
    are sorted by length. `layout` is passed to core.data.batch.batches.collate.

    batch.extra gets what the policy loss needs: see core/methods/_policy_loss.py. Its `sampled` is NaN for completions
    whose log-probabilities are not known.
    """
    total = sum(len(group.rollouts) for group in groups)
    targets = sum(len(r.ids) for group in groups for r in group.rollouts if not (mask_truncated and r.truncated))
    chosen = [i for i in range(len(groups)) if not skip_flat or advantages[i].any()] or [0]
    if not keep_order:
        chosen.sort(key=lambda i: max(len(r.ids) for r in groups[i].rollouts) + len(groups[i].prompt_ids))
    included = sum(len(groups[i].rollouts) for i in chosen)
    batches = []
    size = min(micro_batch_size, -(-included // parallel_batches))
    for parts in _partition([(i, len(groups[i].rollouts)) for i in chosen], size):
        rows = [_encode(groups[part.group], part.members, mask_truncated) for part in parts]
        batch = collate(rows, range(len(rows)), **layout)
        # The batch holds the first completion of every group, then the second of every group, and so on.
        order = [(part.group, part.members[k]) for k in range(len(parts[0].members)) for part in parts]
        count = len(order)
        extra = {
            "sampled": _sampled_logps(batch, [groups[i].rollouts[k].logps for i, k in order]),
            "advantage": np.array([advantages[i, k] for i, k in order], np.float32),
            "kept": np.full(count, included / total, np.float32),
            "mean_length": np.full(count, max(1, targets) / included, np.float32),
        }
        # The rows of these batches, by which they are weighted, are completions.
        batches.append(replace(batch, extra=extra, rows=tuple(groups[i].row for i, _ in order)))
    return batches


def share_rollouts(batches: Sequence[Batch], share: Share, loss_type: str) -> list[Batch]:
    """What one rank of several computes of a step's batches.

    bnpo's loss is a mean over the tokens of its batch: of a batch that is split each part counts by its tokens.
    """
    lengths = [[batch.lengths[r] for r in range(len(batch.rows))] for batch in batches]
    parts = []
    for mine in share_batches(lengths, share):
        batch = batches[mine.batch]
        if not mine.is_split:
            parts.append(batch)
        elif mine.rows:
            part = take_rows(batch, mine.rows)
            if loss_type == "bnpo":
                learned = float(batch.mask.sum())
                share_of_it = float(part.mask.sum()) / learned if learned else len(mine.rows) / len(batch.rows)
                part = replace(part, weight=len(batch.rows) * share_of_it)
            parts.append(part)
    return parts


def _sampled_logps(batch: Batch, completion_logps: Sequence[tuple[float, ...] | None]) -> np.ndarray:
    """The log-probabilities of N completions at their targets in the batch, [N, T-1]; NaN where they are None."""
    sampled = np.zeros(batch.mask.shape, np.float32)
    for row, logps in enumerate(completion_logps):
        targets = batch.mask[row] > 0
        if targets.any():
            sampled[row, targets] = np.nan if logps is None else logps
    return sampled


def _partition(group_sizes: Sequence[tuple[int, int]], micro_batch_size: int) -> list[list[_GroupPart]]:
    """The parts of each batch, from (index, completions) of every group. Parts of a batch have equally many members."""
    batches: list[list[_GroupPart]] = []
    for i, size in group_sizes:
        for start in range(0, size, micro_batch_size):
            part = _GroupPart(i, range(start, min(size, start + micro_batch_size)))
            batch = batches[-1] if batches else []
            same_size = bool(batch) and len(batch[0].members) == len(part.members)
            if same_size and (len(batch) + 1) * len(part.members) <= micro_batch_size:
                batch.append(part)
            else:
                batches.append([part])
    return batches


def _encode(group: RolloutGroup, members: Sequence[int], mask_truncated: bool) -> Group:
    """Some completions of a group as one row of a batch: every text is the prompt and a completion."""
    prompt_length = len(group.prompt_ids)
    texts = []
    for k in members:
        rollout = group.rollouts[k]
        tokens = np.array(group.prompt_ids + rollout.ids, np.int32)
        mask = np.zeros(len(tokens), np.int8)
        mask[prompt_length:] = not (mask_truncated and rollout.truncated)
        texts.append(Encoded(group.line, tokens, mask, 0))
    return Group(tuple(texts))
