"""Generate the answer to one prompt, piece by piece."""

from collections.abc import Iterator, Sequence
from typing import Any

import mlx.core as mx
import mlx.nn as nn


def stream(
    model: nn.Module,
    tokenizer: Any,
    prompt: Sequence[int],
    max_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
) -> Iterator[str]:
    """Yield pieces of text of the answer to a tokenized prompt, at most `max_tokens` tokens; greedy at temperature 0.

    Ends at a stop token.
    """
    from mlx_lm.generate import stream_generate
    from mlx_lm.sample_utils import make_sampler
    from mlx_lm.tokenizer_utils import TokenizerWrapper

    # mlx-lm fixes its stream to the default device at import; Hone may have chosen another since.
    device_stream = mx.default_stream(mx.default_device())
    sampler = make_sampler(temp=temperature, top_p=top_p)
    wrapped = TokenizerWrapper(tokenizer, eos_token_ids=stop_tokens(tokenizer))
    for piece in stream_generate(
        model, wrapped, list(prompt), max_tokens=max_tokens, sampler=sampler, stream=device_stream
    ):
        if piece.text:
            yield piece.text


def answer_tokens(model: nn.Module, tokenizer: Any, prompt: Sequence[int], max_tokens: int) -> str:
    """The whole greedy answer to a tokenized prompt, as text."""
    return "".join(stream(model, tokenizer, prompt, max_tokens)).strip()


def stop_tokens(tokenizer: Any) -> list[int]:
    """The tokens that end an answer: the tokenizer's end-of-sequence token and common end-of-turn tokens it has."""
    end_tokens = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "</s>")
    vocabulary = tokenizer.get_vocab()
    special = set(tokenizer.all_special_tokens)
    ids = {vocabulary[t] for t in end_tokens if t in vocabulary and t in special}
    return sorted(ids | ({tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()))
