"""A model to talk to, with or without a trained adapter."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import mlx.nn as nn

from core import adapters
from core.data.format.example import Example
from core.data.tokenize.encode import encode_prompt
from core.device.select import select
from core.errors import BadModel
from core.model import hub
from core.model.generate import stream
from core.model.load import load


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
        self.backend = select(backend_name)
        base = adapters.choose_base_precision(adapter, quantization)
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
            self.tokenizer.chat_template = adapters.read_chat_template(Path(adapter)) or self.tokenizer.chat_template
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
        question = encode_prompt(Example(0, messages=tuple(messages)), self.tokenizer)
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
            with adapters.disable(self.model):
                yield from stream(self.model, self.tokenizer, prompt, max_tokens, temperature)


def _finish(generator: Any) -> Path:
    """The value of a generator whose progress nobody watches."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return Path(end.value)
