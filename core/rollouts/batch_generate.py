"""Many completions at once: each prompt is computed once for its group, finished completions leave, new ones join.

Runs on mlx-lm's batch caches, whose padding is on the left. The next token is computed while the last one is read,
so the end of a completion is seen one token late; what was computed too much is dropped. Where a NumpyDecoder computes
the tokens, each is read at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import mlx.core as mx
import numpy as np

from core.adapters.fused_blocks import kept_factors
from core.adapters.merged_weights import merged_weights
from core.rollouts import SamplingStopped
from core.rollouts.numpy_decoder import NumpyDecoder, make_decoder
from core.rollouts.product_threads import product_threads
from core.rollouts.row_cache import RowCache
from core.rollouts.sampling import SampledTokens, SamplingParams, sample_in_numpy
from core.rollouts.token_step import make_token_step

PREFILL_STEP_SIZE = 2048  # tokens of a prompt computed in one piece
# Share of the batch that must be free before completions leave and prompts join, because both copy the caches.
MIN_FREE_SHARE = 0.25


@dataclass(frozen=True)
class Completion:
    """One sampled completion. `tokens` end with the stop token unless it was truncated at the maximum length."""

    prompt_index: int  # of the prompt it belongs to
    sample_index: int  # which completion of its group
    tokens: tuple[int, ...]
    logps: tuple[float, ...]  # of each token, at the temperature
    entropy: float  # mean over the tokens, in nats
    truncated: bool


@dataclass
class WritingLimit:
    """How many completions a GPU manages at once, as it turns out in a run."""

    most: int | None = None  # None: as many as planned
    # Given an error and how many were written at once: sets `most` to fewer, or raises. None where none can be done
    # again, see core.device.gpu_failure.can_recover.
    give_way: Callable[[BaseException, int], None] | None = None
    at_once: int = 0  # the most that were written at once since `most` was set; 0: none yet

    def write_fewer(self) -> int:
        """Halve how many are written at once from now on; returns that number, 0 where nothing can be halved."""
        at_once = min(self.at_once, self.most or self.at_once)
        if at_once < 2:
            return 0
        self.most, self.at_once = at_once // 2, 0
        return self.most


@dataclass(frozen=True)
class CompletionGenerator:
    """A model with what does not change while a run samples from it. Use it on the thread that owns the model."""

    model: Any
    stop_tokens: tuple[int, ...]
    batch_size: int  # completions generated at once
    batched: bool  # False: one after the other, for architectures that cannot do several at once (capacity.py)
    stop: threading.Event  # set when the run is asked to stop
    limit: WritingLimit = field(default_factory=WritingLimit)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams,
        *,
        group_size: int = 1,
        seed: Sequence[int] = (0,),
        only: Collection[int] | None = None,
    ) -> list[Completion]:
        """`group_size` completions of every prompt (token ids), or of those at the indices `only`, in the order in
        which they were finished. A prompt's completions do not depend on which others are completed.

        Raises SamplingStopped between two tokens when the run is asked to stop.
        """
        completions: list[Completion] = []
        count = len(prompts) if only is None else len(only)
        others = () if only is None else product(set(range(len(prompts))) - set(only), range(group_size))
        skipped = set(others)
        if self.stop.is_set():
            raise SamplingStopped
        while True:
            batch_size = min(self.batch_size, self.limit.most or self.batch_size)
            at_once = min(batch_size, count * group_size) if self.batched else 1
            self.limit.at_once = max(self.limit.at_once, at_once)
            certain = len(completions)
            try:
                # Before all else: putting weights together are small products, too.
                with product_threads(self.model, at_once):
                    decoder = make_decoder(self.model) if self.batched else None
                    merged = merged_weights(self.model) if decoder is None else nullcontext()
                    with merged, kept_factors(self.model):
                        written = batch_generate(
                            self.model,
                            prompts,
                            params,
                            stop_tokens=self.stop_tokens,
                            group_size=group_size,
                            batch_size=batch_size,
                            seed=seed,
                            batched=self.batched,
                            done=skipped | {(c.prompt_index, c.sample_index) for c in completions},
                            decoder=decoder,
                        )
                        for finished in written:
                            if self.stop.is_set():
                                raise SamplingStopped
                            certain = len(completions)
                            completions += finished
                return completions
            except RuntimeError as error:
                if self.limit.give_way is None:
                    raise
                # The GPU's error may be a token old: what was finished with that one is written again, like all that
                # was not finished. A completion depends on its own random numbers alone.
                self.limit.give_way(error, batch_size)
                del completions[certain:]


@dataclass
class _ActiveCompletion:
    """A completion that is being generated: one row of the batch."""

    prompt_index: int
    sample_index: int
    uniform: np.ndarray  # [max_tokens] the random number of each token
    tokens: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    entropy: float = 0.0  # sum over the tokens
    scheduled: int = 0  # tokens computed or being computed
    finished: bool = False

    def needs_token(self, max_tokens: int) -> bool:
        return not self.finished and self.scheduled < max_tokens


def batch_generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    params: SamplingParams,
    *,
    stop_tokens: Sequence[int],
    group_size: int = 1,
    batch_size: int = 64,
    seed: Sequence[int] = (0,),
    batched: bool = True,
    done: Container[tuple[int, int]] = (),
    decoder: NumpyDecoder | None = None,
) -> Iterator[list[Completion]]:
    """Generate `group_size` completions of each prompt (token ids), `batch_size` of them at once.

    Yields after every token the completions that finished with it, often none, so that one can stop in between. The
    random numbers of a completion follow from `seed`, the index of its prompt and its own index in the group. The
    model should be in eval mode. With `batched` False completions are generated one after the other, which works for
    any architecture (see capacity.py). What is `done`, (prompt, completion of its group), is left out. A `decoder` with
    the weights of the model computes the tokens in its place, if `batched`.
    """
    batch_size = batch_size if batched else 1
    queue = deque(p_s for p_s in product(range(len(prompts)), range(group_size)) if p_s not in done)
    stop_set, rows, cache = set(stop_tokens), list[_ActiveCompletion](), list[Any]()
    next_tokens = mx.array([], dtype=mx.int32)  # [len(rows)], what the model is given next
    in_flight: tuple[list[_ActiveCompletion], SampledTokens] | None = None
    step = make_token_step(model, params, batched)
    while queue or any(not row.finished for row in rows) or in_flight is not None:
        live = [i for i, row in enumerate(rows) if row.needs_token(params.max_tokens)]
        free = batch_size - len(live)
        if len(live) < len(rows) and (not live or len(rows) - len(live) >= MIN_FREE_SHARE * len(rows)):
            rows, next_tokens = [rows[i] for i in live], next_tokens[mx.array(live)] if live else next_tokens[:0]
            cache = _select_rows(cache, live)
        if queue and (not live or free >= MIN_FREE_SHARE * batch_size) and batch_size - len(rows) > 0:
            new = [queue.popleft() for _ in range(min(batch_size - len(rows), len(queue)))]
            new_cache, last_tokens = _prefill_rows(model, prompts, [p for p, _ in new], batched, decoder)
            rows = rows + [_ActiveCompletion(p, s, _uniform_numbers(seed, p, s, params.max_tokens)) for p, s in new]
            next_tokens, cache = mx.concatenate([next_tokens, last_tokens]), _extend_cache(cache, new_cache)
        scheduled = None
        if any(row.needs_token(params.max_tokens) for row in rows):
            uniform = np.array([row.uniform[min(row.scheduled, params.max_tokens - 1)] for row in rows])
            if decoder is not None:
                sampled = sample_in_numpy(decoder.logits(np.array(next_tokens), cache[0]), uniform, params)
                next_tokens = mx.array(sampled.tokens.astype(np.int32))
            else:
                sampled = step(next_tokens, cache, mx.array(uniform))
                mx.async_eval(*sampled)
                next_tokens = sampled.tokens.astype(mx.int32)
            scheduled = rows, sampled
            for row in rows:
                row.scheduled += 1
        if decoder is not None:
            in_flight, scheduled = scheduled, None
        yield _take_tokens(*in_flight, stop_set, params.max_tokens) if in_flight is not None else []
        in_flight = scheduled


def _take_tokens(
    rows: list[_ActiveCompletion], sampled: SampledTokens, stop_tokens: set[int], max_tokens: int
) -> list[Completion]:
    """Append the computed tokens to their completions; returns those that finish with them."""
    completions = []
    for row, token, logp, entropy in zip(rows, *(array.tolist() for array in sampled), strict=True):
        if row.finished:
            continue
        row.tokens.append(token)
        row.logps.append(logp)
        row.entropy += entropy
        row.finished = token in stop_tokens or len(row.tokens) == max_tokens
        if row.finished:
            completions.append(
                Completion(
                    row.prompt_index,
                    row.sample_index,
                    tuple(row.tokens),
                    tuple(row.logps),
                    entropy=row.entropy / len(row.tokens),
                    truncated=token not in stop_tokens,
                )
            )
    return completions


def _uniform_numbers(seed: Sequence[int], prompt_index: int, sample_index: int, count: int) -> np.ndarray:
    rng = np.random.default_rng([*seed, prompt_index, sample_index])
    numbers: np.ndarray = rng.random(count, dtype=np.float32)
    return numbers


def _prefill_rows(
    model: Any, prompts: Sequence[Sequence[int]], indices: Sequence[int], batched: bool, decoder: NumpyDecoder | None
) -> tuple[list[Any], mx.array]:
    """What prefill() gives; for a decoder as the one cache of all layers."""
    if decoder is None:
        return prefill(model, prompts, indices, batched)
    unique = list(dict.fromkeys(indices))
    layers, _ = prefill(model, prompts, unique, batched)
    cache = RowCache.take(layers, [unique.index(i) for i in indices], decoder.key_heads, decoder.size)
    return [cache], mx.array([prompts[i][-1] for i in indices], dtype=mx.int32)


def prefill(
    model: Any, prompts: Sequence[Sequence[int]], indices: Sequence[int], batched: bool
) -> tuple[list[Any], mx.array]:
    """(cache of N rows, their last prompt tokens [N]) for the prompts at N indices, which may occur several times.

    Each different prompt is computed once, all but its last token.
    """
    from mlx_lm.models.cache import make_prompt_cache

    unique = list(dict.fromkeys(indices))
    prefixes = [list(prompts[i][:-1]) for i in unique]
    caches = [make_prompt_cache(model) for _ in unique]
    cache = caches[0]
    if batched:
        cache = [layer.merge([c[i] for c in caches]) for i, layer in enumerate(cache)]
    width = max(len(prefix) for prefix in prefixes)
    padding = [width - len(prefix) for prefix in prefixes]
    if any(padding):
        for layer in cache:
            layer.prepare(lengths=[len(prefix) for prefix in prefixes], right_padding=padding)
    tokens = mx.array([prefix + [0] * n for prefix, n in zip(prefixes, padding, strict=True)], dtype=mx.int32)
    for start in range(0, width, PREFILL_STEP_SIZE):
        model(tokens[:, start : start + PREFILL_STEP_SIZE], cache=cache)
        mx.eval([layer.state for layer in cache])
    if any(padding):
        for layer in cache:
            layer.finalize()
    if len(unique) < len(indices):
        cache = _select_rows(cache, [unique.index(i) for i in indices])
    return cache, mx.array([prompts[i][-1] for i in indices], dtype=mx.int32)


def _select_rows(cache: list[Any], indices: list[int]) -> list[Any]:
    """The cache with these rows, in this order; a row may be taken several times."""
    if not indices:
        return []
    for layer in cache:
        layer.filter(mx.array(indices))
    return cache


def _extend_cache(cache: list[Any], new_cache: list[Any]) -> list[Any]:
    """The cache with the rows of a new one behind its own."""
    for layer, new_layer in zip(cache, new_cache, strict=bool(cache)):
        layer.extend(new_layer)
    return cache or new_cache
