"""Many answers at once: each prompt is computed once for its group, finished answers leave, new prompts join.

Runs on mlx-lm's batch caches, whose padding is on the left. The next token is being computed while the last one
is read, so an answer's end is seen one token late; what was computed too much is thrown away.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import numpy as np

from core.rollouts.sampling import SamplingParams, sample_tokens

PREFILL = 2048  # tokens of a prompt computed in one piece
FREE = 0.25  # of the places; that many are waited for before answers leave and prompts join, because both copy caches


@dataclass(frozen=True)
class Completion:
    """One answer. `tokens` end with the stop token unless it was cut off at the longest allowed length."""

    prompt: int  # which of the prompts
    member: int  # which of the group's answers
    tokens: tuple[int, ...]
    logps: tuple[float, ...]  # of each token, at the temperature
    entropy: float  # mean over the tokens, in nats
    cut: bool


@dataclass
class _Row:
    """An answer that is being written."""

    prompt: int
    member: int
    uniform: np.ndarray
    tokens: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    entropy: float = 0.0
    asked: int = 0  # tokens computed or being computed
    done: bool = False


def batch_generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    sampling: SamplingParams,
    *,
    stop_tokens: Sequence[int],
    group: int = 1,
    at_once: int = 64,
    seed: Sequence[int] = (0,),
    batched: bool = True,
) -> Iterator[list[Completion]]:
    """Yields after every token: the answers that were finished with it, often none. So one can stop in between.

    `prompts` are token ids; each gets `group` answers, of which `at_once` are written at the same time. The numbers
    an answer is drawn by follow from `seed`, its prompt's place and its own. The model should be in eval mode. With
    `batched` False answers are written one after the other, which any architecture can (see room.py).
    """
    at_once = at_once if batched else 1
    waiting = deque((p, m) for p in range(len(prompts)) for m in range(group))
    stops, rows, cache = set(stop_tokens), list[_Row](), list[Any]()
    step = mx.array([], dtype=mx.int32)
    flying: tuple[list[_Row], tuple[mx.array, mx.array, mx.array]] | None = None
    while waiting or any(not r.done for r in rows) or flying is not None:
        live = [i for i, r in enumerate(rows) if not r.done and r.asked < sampling.max_tokens]
        free = at_once - len(live)
        if len(live) < len(rows) and (not live or len(rows) - len(live) >= FREE * len(rows)):
            rows, step = [rows[i] for i in live], step[mx.array(live)] if live else step[:0]
            cache = _keep(cache, live)
        if waiting and (not live or free >= FREE * at_once) and at_once - len(rows) > 0:
            new = [waiting.popleft() for _ in range(min(at_once - len(rows), len(waiting)))]
            more, last = prefill(model, prompts, [p for p, _ in new], batched)
            rows = rows + [_Row(p, m, _uniform(seed, p, m, sampling.max_tokens)) for p, m in new]
            step, cache = mx.concatenate([step, last]), _join(cache, more)
        ahead = None
        if any(not r.done and r.asked < sampling.max_tokens for r in rows):
            uniform = np.array([r.uniform[min(r.asked, sampling.max_tokens - 1)] for r in rows])
            picked = sample_tokens(model(step[:, None], cache=cache)[:, -1], mx.array(uniform), sampling)
            mx.async_eval(picked)
            step, ahead = picked[0].astype(mx.int32), (rows, picked)
            for row in rows:
                row.asked += 1
        yield _read(*flying, stops, sampling.max_tokens) if flying is not None else []
        flying = ahead


def _read(
    rows: list[_Row], picked: tuple[mx.array, mx.array, mx.array], stops: set[int], longest: int
) -> list[Completion]:
    """Take over what was computed; the answers that end with it."""
    finished = []
    for row, token, logp, entropy in zip(rows, *(p.tolist() for p in picked), strict=True):
        if row.done:
            continue
        row.tokens.append(token)
        row.logps.append(logp)
        row.entropy += entropy
        row.done = token in stops or len(row.tokens) == longest
        if row.done:
            mean = row.entropy / len(row.tokens)
            cut = token not in stops
            finished.append(Completion(row.prompt, row.member, tuple(row.tokens), tuple(row.logps), mean, cut))
    return finished


def _uniform(seed: Sequence[int], prompt: int, member: int, count: int) -> np.ndarray:
    numbers: np.ndarray = np.random.default_rng([*seed, prompt, member]).random(count, dtype=np.float32)
    return numbers


def prefill(
    model: Any, prompts: Sequence[Sequence[int]], wanted: Sequence[int], batched: bool
) -> tuple[list[Any], mx.array]:
    """(cache, last prompt tokens [N]) for N answers: each different prompt is computed once, all but its last token."""
    from mlx_lm.models.cache import make_prompt_cache

    different = list(dict.fromkeys(wanted))
    before = [list(prompts[p][:-1]) for p in different]
    caches = [make_prompt_cache(model) for _ in different]
    cache = caches[0]
    if batched:
        cache = [first.merge([c[i] for c in caches]) for i, first in enumerate(cache)]
    width = max(len(b) for b in before)
    padding = [width - len(b) for b in before]
    if any(padding):
        for c in cache:
            c.prepare(lengths=[len(b) for b in before], right_padding=padding)
    tokens = mx.array([b + [0] * n for b, n in zip(before, padding, strict=True)], dtype=mx.int32)
    for start in range(0, width, PREFILL):
        model(tokens[:, start : start + PREFILL], cache=cache)
        mx.eval([c.state for c in cache])
    if any(padding):
        for c in cache:
            c.finalize()
    if len(different) < len(wanted):
        cache = _keep(cache, [different.index(p) for p in wanted])
    return cache, mx.array([prompts[p][-1] for p in wanted], dtype=mx.int32)


def _keep(cache: list[Any], places: list[int]) -> list[Any]:
    """The cache with these rows, in this order; a row may be taken several times."""
    if not places:
        return []
    for c in cache:
        c.filter(mx.array(places))
    return cache


def _join(cache: list[Any], more: list[Any]) -> list[Any]:
    for c, m in zip(cache, more, strict=bool(cache)):
        c.extend(m)
    return cache or more
