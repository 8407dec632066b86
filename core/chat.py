"""A model to talk to, with or without a trained adapter."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import mlx.nn as nn

from core import adapters
from core.data.format.example import Example
from core.data.tokenize.encode import encode_prompt
from core.device.select import select
from core.errors import BadModel
from core.events import Walked
from core.model import hub
from core.model.generate import stream
from core.model.load import load


class Chat:
    """A model to talk to, with or without a trained adapter. Create and use it on one thread.

    Arguments:
        model: a folder, a Hugging Face id or "starter".
        adapter: a run's folder or an adapter's; None for the model alone.
        backend_name: "auto", "gpu" or "cpu".
        allow_code: whether the model's own Python code may run.
        quantization: of the base; None as it was when the adapter was trained.

    Attributes: `precision` says how the base is loaded; `note` is a sentence about it for the user, or "".
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
        folder = Walked(hub.fetch(model if adapter is None else hub.find_moved(model, adapter))).finish()
        loaded = load(
            folder,
            device=self.backend["used"],
            allow_code=allow_code,
            quantization=base.quantization,
            double=base.double,
        )
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.precision = loaded.precision
        self._is_full = False
        self._untrained: nn.Module | None = None
        if adapter is not None:
            saved, _ = adapters.read(Path(adapter))
            self._is_full = saved.get("fine_tune_type") == "full"
            adapters.load(self.model, Path(adapter))
            self.tokenizer.chat_template = adapters.read_chat_template(Path(adapter)) or self.tokenizer.chat_template
            if self._is_full:
                self._untrained = load(folder, device=self.backend["used"], allow_code=allow_code).model
        self.model.eval()

    def answer(
        self,
        messages: Sequence[dict[str, str]],
        *,
        max_tokens: int = 256,
        temperature: float = 0.0,
        adapter: bool = True,
    ) -> Iterator[str]:
        """Yield pieces of text of the next assistant turn, as they are generated.

        Arguments:
            messages: the conversation so far, as {"role", "content"} dicts.
            max_tokens: tokens at which the answer ends.
            temperature: 0 is greedy.
            adapter: False for the answer of the untrained model.

        Raises BadModel where the model's chat template cannot write the conversation.
        """
        encoded = encode_prompt(Example(0, messages=tuple(messages)), self.tokenizer)
        if encoded is None:
            raise BadModel("The model's chat template cannot write this conversation.")
        prompt = encoded.tokens
        if self._is_full:
            model = self.model if adapter else self._untrained
            if model is None:
                raise BadModel("The untrained model is not loaded.")
            yield from stream(model, self.tokenizer, prompt, max_tokens, temperature)
        elif adapter:
            yield from stream(self.model, self.tokenizer, prompt, max_tokens, temperature)
        else:
            with adapters.disable(self.model):
                yield from stream(self.model, self.tokenizer, prompt, max_tokens, temperature)
