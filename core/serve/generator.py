"""The thread that answers requests: mlx-lm's, on every rank where the model is parted over several.

The first rank listens and tells the others of each request; all of them then compute the same tokens.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from queue import Queue
from typing import Any

import mlx.core as mx
import mlx_lm.server
from mlx_lm.server import (
    CompletionRequest,
    GenerationArguments,
    LogitsProcessorArguments,
    ModelDescription,
    ResponseGenerator,
    SamplingArguments,
)

from core.distributed.group import Group
from core.model.together import shared_sampler, together
from core.serve.provider import stop_at

STOP = {"stop": True}  # what the first rank tells the others at the end


class Generator(ResponseGenerator):
    """mlx-lm's generator, whose thread loads the model first and frees all of it at its end.

    `failure` is why it answers no more, where it was not asked to stop.
    """

    failure: Exception | None = None
    _go_on: Callable[[], None]

    def generate(self, request: Any, generation_args: Any, progress_callback: Any = None) -> tuple[Any, Iterator[Any]]:
        """As mlx-lm does it, up to the end of a turn that a chat template spells out, whatever its tokens are."""
        cancelled = generation_args.cancelled = threading.Event()
        context, responses = super().generate(request, generation_args, progress_callback)
        if self._group.size > 1:
            context.stop = cancelled.set  # on all ranks at the same token
        ending = self.model_provider.end.spelled_out if request.request_type == "chat" else ""
        return context, stop_at(responses, ending) if ending else responses

    @property
    def _group(self) -> Group:
        group: Group = self.model_provider.group
        return group

    def _run_generate(self) -> None:
        if self.model_provider.open():
            try:
                self._answer()
            except Exception as error:  # told by Server.wait()
                self.failure, self._generation_failed = error, True
        self.model_provider.reset()
        mx.clear_streams()
        mx.clear_cache()

    def _answer(self) -> None:
        # mlx-lm takes all ranks of a process for those of its model, which may be whole on the first.
        self._is_distributed = self._time_budget._is_distributed = self._group.size > 1
        with together(self._group) as self._go_on, _same_tokens(self._group):
            self._generate()
            if self._group.is_first:
                self._tell(STOP)

    def _share_request(self, request: Any) -> Any:
        told = self._tell(request and {"request": asdict(request[1]), "args": asdict(request[2])})
        if told == STOP:
            self._stop = True
        if request is not None or told in (None, STOP):
            return request
        return Queue(), CompletionRequest(**told["request"]), _read_arguments(told["args"])

    def _share_object(self, obj: Any) -> Any:
        """mlx-lm asks here which answers are wanted no longer: none, as those end by their tokens."""
        return obj

    def _tell(self, word: Any) -> Any:
        """What the first rank says, on all."""
        if self._group.size == 1:
            return word
        mx.synchronize()  # an exchange that was begun ahead is over before one of another kind
        told = self._group.broadcast(word)
        self._go_on()
        return told


def _read_arguments(told: dict[str, Any]) -> GenerationArguments:
    logits = told["logits"]
    if logits["logit_bias"]:
        logits["logit_bias"] = {int(token): bias for token, bias in logits["logit_bias"].items()}
    parts = {
        "model": ModelDescription(**told["model"]),
        "sampling": SamplingArguments(**told["sampling"]),
        "logits": LogitsProcessorArguments(**logits),
    }
    return GenerationArguments(**told | parts)


@contextmanager
def _same_tokens(group: Group) -> Iterator[None]:
    """While the body lasts, all ranks go on with the tokens that the first of them has drawn; where an answer is
    wanted no longer, that is one which ends it."""
    if group.size == 1:
        yield
        return
    make = mlx_lm.server._make_sampler

    def make_shared(args: Any, tokenizer: Any) -> Callable[[mx.array], mx.array]:
        sampler, cancelled, ends = make(args, tokenizer), getattr(args, "cancelled", None), tokenizer.eos_token_ids

        def draw(logprobs: mx.array) -> mx.array:
            group.come_further()
            tokens: mx.array = sampler(logprobs)
            return mx.full(tokens.shape, min(ends), tokens.dtype) if cancelled and cancelled.is_set() else tokens

        return shared_sampler(draw, group)

    mlx_lm.server._make_sampler = make_shared
    try:
        yield
    finally:
        mlx_lm.server._make_sampler = make
