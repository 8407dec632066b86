"""What a model makes of general text: its loss on neutral texts that ship inside, its answers to plain questions."""

import json
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from core.data.batch.batches import batch_by_length
from core.data.batch.groups import Group, has_targets
from core.data.format.example import Example, Message
from core.data.tokenize.encode import Encoded, EncodedPrompt, encode_prompt
from core.data.tokenize.encoding import encode_examples
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.errors import BadModel
from core.model.lm_head import LMHead
from core.model.log_probs import to_mlx, token_logps
from core.model.vocabulary import check_tokens
from core.resources import NEUTRAL_TEXTS
from core.rollouts.batch_generate import batch_generate
from core.rollouts.capacity import check_batching
from core.rollouts.sampling import SamplingParams
from core.run import Run

TEXT_TOKENS = 48  # tokens at which a text is cut
ANSWER_TOKENS = 20  # tokens at which an answer is cut
TEXTS_AT_ONCE = 8
QUESTIONS = 12  # that are answered
LARGEST_SHARE = 0.1  # of a run that is spent on this where nobody asked for it
BACKWARD = 3  # a token that is learned takes the time of so many that only go forward
WRITING = 12  # so does one that is written; measured on a processor, more on a GPU that small products leave idle


class NeutralText(NamedTuple):
    """A text on nothing in particular."""

    language: str  # "en", "de", …
    kind: str  # "prose", "dialogue", "code", "maths", "list", "json", …; "chat" for an answer to a question
    text: str
    question: str = ""


@cache
def neutral_texts() -> tuple[NeutralText, ...]:
    """The texts, written for this and copied from nowhere, in many languages and of several kinds."""
    return tuple(NeutralText(**json.loads(line)) for line in NEUTRAL_TEXTS.read_text(encoding="utf-8").splitlines())


def general_questions() -> list[str]:
    """A dozen questions among them, which most models can answer."""
    return [text.question for text in neutral_texts() if text.question][:QUESTIONS]


def encode_texts(tokenizer: Any) -> list[Encoded]:
    """Each neutral text as tokens, cut at TEXT_TOKENS: plain text as it stands, an answer behind its question."""
    examples = [
        Example(line, messages=(_ask(text.question), {"role": "assistant", "content": text.text}))
        if text.question
        else Example(line, text=text.text)
        for line, text in enumerate(neutral_texts(), 1)
    ]
    return [texts[0] for texts in encode_examples(examples, tokenizer, train_on="answers", max_len=TEXT_TOKENS)]


def encode_questions(tokenizer: Any) -> list[EncodedPrompt | None]:
    """Each general question as the model is asked it; None where it cannot be."""
    asked = (Example(line, messages=(_ask(question),)) for line, question in enumerate(general_questions(), 1))
    return [encode_prompt(example, tokenizer) for example in asked]


def _ask(question: str) -> Message:
    return {"role": "user", "content": question}


def is_worth_it(run: Run, tokenizer: Any, steps: int, tokens: float) -> bool:
    """Whether a run of `steps` that learns `tokens` from its data measures this, as it is asked to or by itself.

    By itself it does where counted tokens say that it takes less than LARGEST_SHARE of the run: the same run decides
    the same on every machine.
    """
    if run.train.forgetting != "auto":
        return run.train.forgetting == "on"
    work = BACKWARD * tokens
    if run.spec.on_policy:
        rows = steps * run.train.batch_size * run.train.gradient_accumulation_steps
        work = rows * run.options.group_size * run.options.max_completion_length / 2 * (WRITING + BACKWARD)
    written = QUESTIONS * ANSWER_TOKENS / 2  # most answers end before they are cut
    if work * LARGEST_SHARE < 2 * WRITING * written:
        return False  # the texts need not be tokenized to know
    texts = sum(len(text.tokens) for text in encode_texts(tokenizer))
    return work * LARGEST_SHARE >= 2 * (texts + WRITING * written)


def measure_losses(
    model: nn.Module,
    tokenizer: Any,
    lm_head: LMHead | None,
    is_over: Callable[[], bool] = lambda: False,
    only: Collection[int] | None = None,
) -> list[float | None]:
    """The loss of a model on each neutral text, in nats per token; None where its vocabulary does not hold the text,
    and for texts that are not among `only`, by index.

    `lm_head` as find_lm_head() gives it, None for a model that cannot be parted. It is put into evaluation mode. Empty
    when `is_over` said so before the end. Nothing random is used up.
    """
    model.eval()
    texts = encode_texts(tokenizer)
    usable = [i for i, text in enumerate(texts) if has_targets(text) and _fits(model, tokenizer, text.tokens.tolist())]
    usable = [i for i in usable if only is None or i in only]
    losses: list[float | None] = [None] * len(texts)
    for batch in batch_by_length([Group((texts[i],)) for i in usable], TEXTS_AT_ONCE):
        if is_over():
            return []
        sums = token_logps(model, to_mlx(batch), lm_head).sum(-1)
        means = (-sums / mx.array(batch.mask.sum(-1))).tolist()
        for row, loss in zip(batch.rows, means, strict=True):
            losses[usable[row]] = loss
    return losses


def answer_questions(
    model: nn.Module, tokenizer: Any, dtype: mx.Dtype, is_over: Callable[[], bool] = lambda: False
) -> list[str]:
    """The greedy answers to the general questions, cut at ANSWER_TOKENS; empty when `is_over` said so meanwhile.

    They are written at once where the model, which computes in `dtype`, writes each as it would by itself.
    """
    model.eval()
    prompts = encode_questions(tokenizer)
    usable = [i for i, p in enumerate(prompts) if p and p.tokens and _fits(model, tokenizer, p.tokens)]
    end = find_end_of_turn(tokenizer)
    answers = [""] * len(prompts)
    for completions in batch_generate(
        model,
        [p.tokens for i in usable if (p := prompts[i])],
        SamplingParams(temperature=0.0, max_tokens=ANSWER_TOKENS),
        stop_tokens=end.stops,
        batch_size=len(usable),
        batched=check_batching(model, dtype)[0],
    ):
        if is_over():
            return []
        for completion in completions:
            tokens = [token for token in completion.tokens if token not in end.stops]
            text = str(tokenizer.decode(tokens))
            text = text.partition(end.spelled_out)[0] if end.spelled_out else text
            answers[usable[completion.prompt_index]] = text.strip()
    return answers


def _fits(model: nn.Module, tokenizer: Any, tokens: Sequence[int]) -> bool:
    """Whether the model has an embedding for every token."""
    try:
        check_tokens(model, int(max(tokens, default=0)), len(tokenizer))
    except BadModel:
        return False
    return True
