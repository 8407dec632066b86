"""Groups of answers as batches to learn from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from core.data.batch.batches import Batch, collate
from core.data.batch.groups import Group
from core.data.tokenize.encode import Encoded
from core.rollouts.samples_file import RolloutGroup


def collate_rollouts(
    asked: Sequence[RolloutGroup],
    advantages: np.ndarray,
    *,
    together: int,
    skip: bool,
    drop_cut: bool,
    in_order: bool,
    layout: dict[str, Any],
) -> list[Batch]:
    """The batches of one optimizer step, each of up to `together` answers; groups stay whole where they fit.

    advantages [R, G]. With `skip`, groups whose advantages are all zero are left out: without a KL there is no
    gradient in them. (If all are, one is kept, so that there is a step.) With `drop_cut`, answers that were cut
    off are there without a target. batch.extra gets what the policy loss wants: see core/methods/_policy.py.
    Answers whose log-probabilities are not known have NaN in `sampled`.
    """
    answers = sum(len(a.replies) for a in asked)
    targets = sum(len(r.ids) for a in asked for r in a.replies if not (drop_cut and r.cut))
    chosen = [i for i in range(len(asked)) if not skip or advantages[i].any()] or [0]
    if not in_order:
        chosen.sort(key=lambda i: max(len(r.ids) for r in asked[i].replies) + len(asked[i].prompt_ids))
    kept = sum(len(asked[i].replies) for i in chosen)
    found = []
    for pieces in _pieces([(i, len(asked[i].replies)) for i in chosen], together):
        groups = [_group(asked[i], members, drop_cut) for i, members in pieces]
        batch = collate(groups, range(len(groups)), **layout)
        # The batch holds the first answer of every group, then the second of every group, and so on.
        order = [(i, members[k]) for k in range(len(pieces[0][1])) for i, members in pieces]
        sampled = np.zeros(batch.mask.shape, np.float32)
        for row, (i, k) in enumerate(order):
            logps = asked[i].replies[k].logps
            where = batch.mask[row] > 0
            if where.any():
                sampled[row, where] = np.nan if logps is None else logps
        size = len(order)
        extra = {
            "sampled": sampled,
            "advantage": np.array([advantages[i, k] for i, k in order], np.float32),
            "kept": np.full(size, kept / answers, np.float32),
            "mean_length": np.full(size, max(1, targets) / kept, np.float32),
        }
        # Batches count by their rows, which here are answers.
        found.append(replace(batch, extra=extra, rows=tuple(asked[i].row for i, _ in order)))
    return found


def _pieces(groups: Sequence[tuple[int, int]], together: int) -> list[list[tuple[int, range]]]:
    """[(group, which of its answers), ...] for each batch. All groups of a batch have equally many answers."""
    found: list[list[tuple[int, range]]] = []
    for i, size in groups:
        for start in range(0, size, together):
            members = range(start, min(size, start + together))
            last = found[-1] if found else []
            fits = last and len(last[0][1]) == len(members) and (len(last) + 1) * len(members) <= together
            if fits:
                last.append((i, members))
            else:
                found.append([(i, members)])
    return found


def _group(asked: RolloutGroup, members: Sequence[int], drop_cut: bool) -> Group:
    prompt = len(asked.prompt_ids)
    texts = []
    for k in members:
        reply = asked.replies[k]
        tokens = np.array(asked.prompt_ids + reply.ids, np.int32)
        mask = np.zeros(len(tokens), np.int8)
        mask[prompt:] = not (drop_cut and reply.cut)
        texts.append(Encoded(asked.line, tokens, mask, 0))
    return Group(tuple(texts))
