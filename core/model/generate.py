"""Answers from a model: one prompt at a time, piece by piece, with the adapter on or off."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import adapters, backend
from core.data.example import Example
from core.data.template import ask
from core.errors import BadModel
from core.model import hub
from core.model.load import load


def stream(
    model: nn.Module,
    tokenizer: Any,
    prompt: Sequence[int],
    max_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
) -> Iterator[str]:
    """Text pieces of the answer to a tokenized prompt; greedy at temperature 0. Ends at a stop token."""
    from mlx_lm.generate import stream_generate
    from mlx_lm.sample_utils import make_sampler
    from mlx_lm.tokenizer_utils import TokenizerWrapper

    # mlx-lm fixes its stream to the default device at import; ours may have been chosen since.
    here = mx.default_stream(mx.default_device())
    sampler = make_sampler(temp=temperature, top_p=top_p)
    wrapped = TokenizerWrapper(tokenizer, eos_token_ids=stop_tokens(tokenizer))
    for piece in stream_generate(model, wrapped, list(prompt), max_tokens=max_tokens, sampler=sampler, stream=here):
        if piece.text:
            yield piece.text


def answer_tokens(model: nn.Module, tokenizer: Any, prompt: Sequence[int], max_tokens: int) -> str:
    """The greedy answer to a tokenized prompt, whole."""
    return "".join(stream(model, tokenizer, prompt, max_tokens)).strip()


def stop_tokens(tokenizer: Any) -> list[int]:
    """The tokens that end an answer: the tokenizer's end-of-sequence token and common end-of-turn tokens it has."""
    known = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "</s>")
    vocabulary = tokenizer.get_vocab()
    special = set(tokenizer.all_special_tokens)
    found = {vocabulary[t] for t in known if t in vocabulary and t in special}
    return sorted(found | ({tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()))


class Chat:
    """A model to talk to, with or without a trained adapter. Build and use it on one thread.

    The base is packed as it was when the adapter was trained, unless `quantization` says otherwise; `note` tells.
    Raises BadModel for a model or adapter that cannot be loaded, Unavailable without network.
    """

    def __init__(
        self,
        model: str,
        adapter: str | Path | None = None,
        *,
        backend_name: str = "auto",
        allow_code: bool = False,
        quantization: str | None = None,
    ) -> None:
        self.backend = backend.select(backend_name)
        base = adapters.base_for(adapter, quantization)
        self.note = base.note
        folder = _finish(hub.fetch(model))
        loaded = load(
            folder,
            device=self.backend["used"],
            allow_code=allow_code,
            quantization=base.quantization,
            double=base.double,
        )
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.precision = loaded.precision
        self._full = False
        self._base: nn.Module | None = None
        if adapter is not None:
            saved, _ = adapters.read(Path(adapter))
            self._full = saved.get("fine_tune_type") == "full"
            adapters.load(self.model, Path(adapter))
            self.tokenizer.chat_template = adapters.chat_template(Path(adapter)) or self.tokenizer.chat_template
            if self._full:
                self._base = load(folder, device=self.backend["used"], allow_code=allow_code).model
        self.model.eval()

    def answer(
        self,
        messages: Sequence[dict[str, str]],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        adapter: bool = True,
    ) -> Iterator[str]:
        """Text pieces of the next assistant turn. With `adapter` False, what the untrained model would say."""
        question = ask(Example(0, messages=tuple(messages)), self.tokenizer)
        if question is None:
            raise BadModel("The model's chat template cannot write this conversation.")
        prompt = question.tokens
        if self._full:
            model = self.model if adapter else self._base
            if model is None:
                raise BadModel("The untrained model is not loaded.")
            yield from stream(model, self.tokenizer, prompt, max_tokens, temperature)
        elif adapter:
            yield from stream(self.model, self.tokenizer, prompt, max_tokens, temperature)
        else:
            with adapters.off(self.model):
                yield from stream(self.model, self.tokenizer, prompt, max_tokens, temperature)


def _finish(generator: Any) -> Path:
    """The value of a generator whose progress nobody watches."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return Path(end.value)
