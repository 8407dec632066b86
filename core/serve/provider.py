"""What mlx-lm's server asks for a model: one that Hone loaded, and no other."""

import importlib
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import mlx.nn as nn
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.server import ModelProvider, Response
from mlx_lm.tokenizer_utils import TokenizerWrapper, _infer_tool_parser

from core.data.format.example import Example
from core.data.tokenize.encode import encode_prompt
from core.data.tokenize.end_of_turn import EndOfTurn, find_end_of_turn
from core.data.tokenize.render import render_with_fallbacks
from core.distributed.group import Group
from core.model.generate import held_back

ANY_NAME = "default_model"  # mlx-lm's word for the model that the server was started with
CACHE_BYTES = 2 << 30  # of earlier conversations, which then need not be read again

# The flags of mlx_lm.server, as it has them when none is given, but for how much it keeps.
_FLAGS: dict[str, Any] = {
    "model": None, "adapter_path": None, "draft_model": None, "pipeline": False, "trust_remote_code": False,
    "chat_template": "", "use_default_chat_template": False, "chat_template_args": {}, "allowed_origins": (),
    "num_draft_tokens": 3, "max_tokens": 512, "temp": 0.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0,
    "decode_concurrency": 32, "prompt_concurrency": 8, "prefill_step_size": 2048, "prompt_cache_size": 10,
    "prompt_cache_bytes": CACHE_BYTES, "kv_bits": None, "kv_group_size": 64, "quantized_kv_start": 0,
}  # fmt: skip


class ServedTokenizer(TokenizerWrapper):
    """mlx-lm's tokenizer, with the ends of a turn and the prompts that Hone trains with."""

    def __init__(self, tokenizer: Any, end: EndOfTurn) -> None:
        super().__init__(tokenizer, eos_token_ids=list(end.stops), **_tool_calls(tokenizer))

    def apply_chat_template(
        self,
        messages: list[dict[str, Any]],
        *args: Any,
        tools: list[dict[str, Any]] | None = None,
        tokenize: bool = True,
        add_generation_prompt: bool = False,
        **settings: Any,
    ) -> Any:
        """A conversation as token ids. A request's own settings of the template go to the template as they are."""
        options = {"tools": tools, "tokenize": tokenize, "add_generation_prompt": add_generation_prompt}
        if settings or not tokenize or (add_generation_prompt and messages[-1]["role"] == "assistant"):
            return super().apply_chat_template(messages, *args, **options, **settings)
        conversation = Example(0, messages=tuple(messages), tools=tuple(tools or ()))
        if not add_generation_prompt:  # the beginning of a conversation, to find what is in the cache
            text = render_with_fallbacks(conversation.messages or (), conversation.tools, self._tokenizer, False).text
            return self._tokenizer.encode(text, add_special_tokens=False)
        prompt = encode_prompt(conversation, self._tokenizer)
        if prompt is None:
            raise ValueError("The model's chat template cannot write this conversation.")
        return list(prompt.tokens)


def _tool_calls(tokenizer: Any) -> dict[str, Any]:
    """How calls of functions are read from an answer, where the chat template tells; as mlx-lm's own loader has it."""
    name = _infer_tool_parser(tokenizer)
    if name is None:
        return {}
    module = importlib.import_module(f"mlx_lm.tool_parsers.{name}")
    return {
        "tool_parser": module.parse_tool_call,
        "tool_call_start": module.tool_call_start,
        "tool_call_end": module.tool_call_end,
    }


class Provider(ModelProvider):
    """mlx-lm's provider of models, with the one that `open_model` returns: (model, transformers' tokenizer, the ranks
    that the model is parted over)."""

    def __init__(self, name: str, open_model: Callable[[], tuple[nn.Module, Any, Group]]) -> None:
        super().__init__(Namespace(**_FLAGS))
        self.name = name
        self.end = EndOfTurn("", (), False)
        self.is_open = threading.Event()  # the model is loaded, or could not be
        self.failure: Exception | None = None
        self.group = Group()  # the ranks that the model is parted over
        self._open_model = open_model

    def open(self) -> bool:
        """Load the model, on the thread that generates; False where it fails, which `failure` then tells."""
        try:
            model, tokenizer, self.group = self._open_model()
            self.end = find_end_of_turn(tokenizer)
            self.model, self.tokenizer = model, ServedTokenizer(tokenizer, self.end)
            self.is_batchable = all(hasattr(cache, "merge") for cache in make_prompt_cache(model))
            self.model_key = (self.name, None, None)
            if self.group.size > 1:  # whose caches differ in size, and have to keep the same conversations
                self.cli_args.prompt_cache_bytes = None
        except Exception as error:  # raised again by Server.start()
            self.failure = error
        self.is_open.set()
        return self.failure is None

    def load(
        self, model_path: str, adapter_path: str | None = None, draft_model_path: str | None = None
    ) -> tuple[nn.Module, Any]:
        """The model. Raises ValueError where a request asks for another one."""
        if model_path not in (ANY_NAME, self.name) or adapter_path or draft_model_path not in (None, ANY_NAME):
            raise ValueError(f"This server has one model, {self.name}, and loads no other.")
        return self.model, self.tokenizer


def stop_at(responses: Iterator[Response], ending: str) -> Iterator[Response]:
    """mlx-lm's responses up to where `ending` begins in their texts, which may lie across several."""
    waiting = ""
    for response in responses:
        text, found, _ = (waiting + response.text).partition(ending)
        kept = 0 if found or response.finish_reason else held_back(text, ending)
        waiting = text[len(text) - kept :]
        text = text[: len(text) - kept]
        if found or response.finish_reason == "stop":  # mlx-lm leaves out the text of a response that stops
            yield replace(response, text=text, finish_reason=None)
            yield replace(response, text="", finish_reason="stop")
            return
        yield replace(response, text=text)
