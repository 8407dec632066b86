"""A run that learns from answers of its own: the questions it asks, what writes the answers, and what judges them."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.data.batch.batches import Batches
from core.data.format.example import Example
from core.data.read.files import dataset_label
from core.errors import BadData
from core.events import Event, Warned
from core.memory.estimate import PROMPTS_AT_ONCE
from core.model.generate import stop_tokens
from core.model.lm_head import LMHead
from core.rewards.judge import Judge
from core.rollouts.capacity import check, fitting
from core.rollouts.collector import Collector
from core.rollouts.on_policy import OwnAnswers, prompt_length
from core.rollouts.prompts import Query, queries
from core.rollouts.rollouts import Rollouts, replayed
from core.rollouts.samples_file import Asked
from core.rollouts.sampling import Sampling
from core.run import Run
from core.run.folder import SAMPLES, RunFolder


def questions(
    run: Run, tokenizer: Any, train: Sequence[Example], held_out: Sequence[Example]
) -> Generator[Event, None, tuple[list[Query], list[Query], int]]:
    """(the questions to learn from, those held out, how many of the first were left out), with warnings.

    Left out are questions that with the longest answer are longer than the maximum length, and those without an
    expected answer where a reward needs one. Raises BadOption for rewards that lack something, BadData when no
    question is left.
    """
    o, longest = run.options, run.data.max_seq_len
    with Judge(o.weights, o.settings) as judge:
        needs = [name for name in o.weights if judge.needs_expected_for(name)]
    asked, held = (queries(examples, tokenizer) for examples in (train, held_out))
    room = longest - o.max_completion_length
    kept = [q for q in asked if len(q.tokens) <= room and (q.expected or not needs)]
    blank = sum(1 for q in asked if needs and not q.expected)
    path = dataset_label(run.data.path)
    if not kept and blank:
        raise BadData(f"{path}: no row has an answer to check against, which the reward {needs[0]!r} needs.")
    if not kept:
        raise BadData(
            f"{path}: no question is short enough to leave room for an answer of {o.max_completion_length} "
            f"tokens within {longest}: raise max_seq_len or lower max_completion_length."
        )
    if blank:
        yield Warned("no-expected", f"{blank} of {len(asked)} questions have no answer to check against: left out.")
    long = sum(1 for q in asked if len(q.tokens) > room)
    if long:
        some = f"{long} of {len(asked)} questions leave no room for an answer of {o.max_completion_length} tokens"
        yield Warned("long-questions", f"{some} within {longest}: left out.")
    return kept, [q for q in held if len(q.tokens) <= room and (q.expected or not needs)], len(train) - len(kept)


def recorded(run: Run, tokenizer: Any) -> list[list[Asked]]:
    """The answers to replay, by step; none where new ones are to be written. Raises BadData."""
    return replayed(Path(run.options.replay).expanduser(), len(tokenizer)) if run.options.replay else []


def steps_per_epoch(run: Run, rows: Sequence[Query], replay: Sequence[Any]) -> int:
    """Optimizer steps in which every question is asked once, or every recorded set of answers learned from."""
    t = run.train
    sets = len(replay) or -(-len(rows) // (t.batch_size * t.gradient_accumulation_steps))
    return int(sets * run.options.num_iterations)


def tempered(model: nn.Module, head: LMHead | None, temperature: float) -> LMHead | None:
    """A head whose probabilities are those at a temperature, as answers are drawn."""
    if temperature == 1.0:
        return head
    if head is None:  # the whole model is the body, and its logits what is still to be divided
        return LMHead(model, lambda logits: logits / temperature, nn.Identity(), 1)
    return LMHead(head.body, lambda hidden: head.logits(hidden) / temperature, head.layer, head.vocabulary)


def rollouts(
    run: Run,
    folder: RunFolder,
    model: nn.Module,
    tokenizer: Any,
    head: LMHead | None,
    rows: Sequence[Query],
    held_out: Sequence[Query],
    replay: list[list[Asked]],
    layout: dict[str, Any],
    dtype: mx.Dtype,
    stop: threading.Event,
    lanes: int,
) -> Generator[Event, None, tuple[Rollouts, dict[str, Any]]]:
    """(what the loop takes its batches from, facts for resolved.json). Raises BadOption."""
    o, t = run.options, run.train
    longest = max(len(q.tokens) for q in (*rows, *held_out)) + o.max_completion_length
    batched, at_once, facts = yield from _room(model, dtype, longest, o.answers_at_once)
    judge = Judge(o.weights, o.settings)
    stops = stop_tokens(tokenizer)
    collector = Collector(model, tokenizer, o, judge, stop_tokens=stops, at_once=at_once, batched=batched, stop=stop)
    # bnpo's loss is a batch's own, so that its batches stay as they were asked for.
    together = o.micro_batch_size if o.loss_type == "bnpo" else -(-o.micro_batch_size // lanes)
    made = Rollouts(
        collector,
        rows,
        held_out,
        head=head,
        together=together,
        per_step=t.batch_size * t.gradient_accumulation_steps,
        seed=t.seed,
        shuffle=run.data.shuffle,
        samples=folder.path / SAMPLES,
        reference=_reference(run, model),
        layout=layout,
        replay=replay,
    )
    return made, {"answers_at_once": facts, "rewards": o.weights, "replayed": len(replay)}


def own_answers(
    run: Run, model: nn.Module, tokenizer: Any, batches: Batches, dtype: mx.Dtype, stop: threading.Event
) -> Generator[Event, None, tuple[OwnAnswers, dict[str, Any]]]:
    """(a dataset's batches with answers of the student's own in some steps, facts for resolved.json).

    Raises BadData where no row asks anything.
    """
    o, t, longest = run.options, run.train, run.data.max_seq_len
    prompts = [prompt_length(row) for row in batches.rows]
    whole = prompts.count(0)
    if whole == len(prompts):
        raise BadData(
            f"{dataset_label(run.data.path)}: no row asks anything that the student could answer itself (lmbda)."
        )
    if whole:
        some = f"{whole} of {len(prompts)} rows ask nothing"
        yield Warned("no-question", f"{some}: the student answers the others itself and learns these as they are.")
    together = min(PROMPTS_AT_ONCE, t.batch_size * t.gradient_accumulation_steps)
    batched, at_once, facts = yield from _room(model, dtype, min(longest, max(prompts) + o.max_new_tokens), together)
    made = OwnAnswers(
        batches,
        model,
        Sampling(o.sampling_temperature, max_tokens=o.max_new_tokens),
        share=run.on_policy_share,
        longest=longest,
        stop_tokens=stop_tokens(tokenizer),
        at_once=at_once,
        batched=batched,
        stop=stop,
    )
    return made, {"answers_at_once": facts, "share": run.on_policy_share}


def _room(
    model: nn.Module, dtype: mx.Dtype, longest: int, wanted: int
) -> Generator[Event, None, tuple[bool, int, dict[str, Any]]]:
    """(whether several answers can be written at once, how many are, facts with the reason)."""
    model.eval()
    batched, why = check(model, dtype)
    if not batched:
        yield Warned("sampling", f"Answers are written one after the other, which is slow: {why}.")
    at_once, size = fitting(model, longest, wanted if batched else 1)
    if batched and at_once < wanted:
        less = f"{at_once} answers are written at once instead of {wanted}"
        yield Warned("memory", f"{less}: each may take {size / 1e6:,.0f} MB.")
    return batched, at_once, {"requested": wanted, "used": at_once, "bytes_each": size, "reason": why}


def _reference(run: Run, model: nn.Module) -> Callable[[], AbstractContextManager[Any]] | None:
    """A context in which the model answers as the reference that a KL pulls to; None where there is no KL."""
    o = run.options
    if not o.beta:
        return None
    initial = run.adapter.init is not None and o.reference != "base"
    if not initial and run.adapter.type != "full":
        return lambda: adapters.off(model)
    start = adapters.tensors(model)
    return lambda: _with(model, start)


@contextmanager
def _with(model: nn.Module, weights: dict[str, mx.array]) -> Iterator[None]:
    """Within this, the model has these trained weights."""
    now = adapters.tensors(model)
    model.load_weights(list(weights.items()), strict=False)
    try:
        yield
    finally:
        model.load_weights(list(now.items()), strict=False)
