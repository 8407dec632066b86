"""Greedy answers to many prompts at once. Prompts of equal length share a batch, so nothing is padded."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import mlx.core as mx

BATCH = 128


def answers(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    max_tokens: int = 200,
    progress: Callable[[int], None] = lambda done: None,
) -> list[str]:
    """The text of each prompt's most likely answer, up to the end of the turn or max_tokens."""
    found = [""] * len(prompts)
    done = 0
    for indices in _by_length(prompts):
        tokens = _continue(model, mx.array([prompts[i] for i in indices]), tokenizer.eos_token_id, max_tokens)
        for i, ids in zip(indices, tokens, strict=True):
            found[i] = tokenizer.decode(ids, skip_special_tokens=True).strip()
        done += len(indices)
        progress(done)
    return found


def _by_length(prompts: Sequence[Sequence[int]]) -> Iterable[list[int]]:
    """Indices of prompts of equal length, at most BATCH at a time."""
    same: dict[int, list[int]] = {}
    for i, prompt in enumerate(prompts):
        same.setdefault(len(prompt), []).append(i)
    for _, indices in sorted(same.items()):
        for start in range(0, len(indices), BATCH):
            yield indices[start : start + BATCH]


def _continue(model: Any, tokens: mx.array, end: int, max_tokens: int) -> list[list[int]]:
    """What follows each row of tokens [N, T], cut before its end token."""
    from mlx_lm.models.cache import make_prompt_cache

    cache = make_prompt_cache(model)
    step = tokens
    written: list[mx.array] = []
    ended = mx.zeros(tokens.shape[0], dtype=mx.bool_)
    while len(written) < max_tokens and not ended.all():
        following = model(step, cache=cache)[:, -1].argmax(-1)  # [N]
        ended = ended | (following == end)
        written.append(following)
        mx.eval(following, ended)
        step = following[:, None]
    rows: list[list[int]] = mx.stack(written, axis=1).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]
