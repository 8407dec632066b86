"""Generate the answer to one prompt, piece by piece."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from core.data.tokenize.end_of_turn import find_end_of_turn
from core.distributed.group import Group
from core.model.together import check_same, shared_sampler, together
from core.model.vocabulary import check_tokens


def stream(
    model: nn.Module,
    tokenizer: Any,
    prompt: Sequence[int],
    max_tokens: int,
    temperature: float = 0.0,
    top_p: float = 1.0,
    reasons: list[str] | None = None,
    group: Group | None = None,
) -> Iterator[str]:
    """Yield pieces of text of the answer to a tokenized prompt, at most `max_tokens` tokens; greedy at temperature 0.

    Ends at what ends an answer (core.data.tokenize.end_of_turn), which is not part of it. Where mlx-lm ended it,
    `reasons` gets "stop", or "length" for an answer that is cut. `group` are the ranks that a model is parted over; all
    of them call this. Raises BadModel where the prompt has a token that the model has no embedding for.
    """
    from mlx_lm.generate import stream_generate
    from mlx_lm.sample_utils import make_sampler
    from mlx_lm.tokenizer_utils import TokenizerWrapper

    check_tokens(model, max(prompt, default=0), len(tokenizer))
    # mlx-lm fixes its stream to the default device at import; Hone may have chosen another since.
    device_stream = mx.default_stream(mx.default_device())
    group = group or Group()
    sampler = shared_sampler(make_sampler(temp=temperature, top_p=top_p), group)
    end = find_end_of_turn(tokenizer)
    wrapped = TokenizerWrapper(tokenizer, eos_token_ids=list(end.stops))

    def read_texts() -> Iterator[str]:
        tokens: list[int] = []
        with together(group) as go_on:
            for response in stream_generate(
                model,
                wrapped,
                list(prompt),
                max_tokens=max_tokens,
                sampler=sampler,
                stream=device_stream,
                prompt_progress_callback=lambda done, total: go_on(),
            ):
                go_on()
                tokens.append(response.token)
                if reasons is not None and response.finish_reason:
                    reasons.append(response.finish_reason)
                yield response.text
        check_same(tokens, group)

    yield from _stop_at(read_texts(), end.spelled_out)


def _stop_at(pieces: Iterator[str], ending: str) -> Iterator[str]:
    """Pieces of text up to where `ending` begins, which may lie across them; all of them where `ending` is empty."""
    waiting = ""
    for piece in pieces:
        waiting += piece
        text, found, _ = waiting.partition(ending) if ending else (waiting, "", "")
        kept = 0 if found else held_back(text, ending)
        if len(text) > kept:
            yield text[: len(text) - kept]
        if found:
            return
        waiting = text[len(text) - kept :]
    if waiting:
        yield waiting


def held_back(text: str, ending: str) -> int:
    """How many characters at the end of a text could be the beginning of the ending, and wait for more."""
    return next((n for n in range(min(len(text), len(ending) - 1), 0, -1) if ending.startswith(text[-n:])), 0)


class Answer(NamedTuple):
    """A whole answer. `cut` where it reached the allowed length before its end."""

    text: str
    cut: bool


def answer_tokens(
    model: nn.Module, tokenizer: Any, prompt: Sequence[int], max_tokens: int, group: Group | None = None
) -> Answer:
    """The whole greedy answer to a tokenized prompt; `group` as in stream()."""
    reasons: list[str] = []
    text = "".join(stream(model, tokenizer, prompt, max_tokens, reasons=reasons, group=group)).strip()
    return Answer(text, reasons == ["length"])
