"""What a run that learns from answers of its own needs: its prompts, what writes the answers, and what judges them."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.data.batch.batches import Batches
from core.data.format.example import Example
from core.data.read.files import dataset_label
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.distributed.group import Group as GroupOfRanks
from core.errors import BadData
from core.events import Event, Warned
from core.memory.rows_at_once import PROMPTS_AT_ONCE
from core.model.lm_head import LMHead
from core.model.log_probs import FixedLogps
from core.resolved import AnswersAtOnce, OnPolicyFacts, RolloutFacts
from core.rewards.judge import RewardScorer
from core.rollouts.batch_generate import CompletionGenerator, WritingLimit
from core.rollouts.capacity import check_batching, fit_batch_size
from core.rollouts.collector import Collector
from core.rollouts.on_policy import OnPolicyBatches, OnPolicyConfig, prompt_length
from core.rollouts.prompts import Prompt, build_prompts
from core.rollouts.rollouts import RolloutBatches, RolloutConfig, read_replay
from core.rollouts.samples_file import RolloutGroup
from core.rollouts.sampling import SamplingParams
from core.run import Run
from core.text.sentence import say


@dataclass(frozen=True)
class Policy:
    """The model in training as it writes answers, and how it learns from them."""

    model: nn.Module
    lm_head: LMHead | None  # with the temperature of the answers; None where logits must be made everywhere
    tokenizer: Any
    dtype: mx.Dtype  # what the model computes in
    layout: dict[str, Any]  # how texts lie in a batch, see core.data.batch.batches.collate
    parallel_batches: int
    stop: threading.Event  # set to end the writing between two tokens
    group: GroupOfRanks = field(default_factory=GroupOfRanks)  # that the answers are spread over
    limit: WritingLimit = field(default_factory=WritingLimit)
    fixed_logps: FixedLogps | None = None  # what computes the log-probabilities of a step's batches, where MLX does not


class RolloutPrompts(NamedTuple):
    """What the model is asked in a run with rewards."""

    train: list[Prompt]
    held_out: list[Prompt]
    dropped: int  # training examples that are left out


@dataclass(frozen=True)
class _AnswerBatches:
    """How answers are written on this model."""

    batched: bool  # whether several can be written together
    facts: AnswersAtOnce


def prepare_prompts(
    run: Run, tokenizer: Any, train: Sequence[Example], held_out: Sequence[Example]
) -> Generator[Event, None, RolloutPrompts]:
    """The prompts to learn from and those held out, with warnings.

    Left out are prompts that with the longest answer are longer than the maximum length, and those without an expected
    answer where a reward needs one. Raises BadOption for rewards that lack something, BadData when no prompt is left.
    """
    o, max_length = run.options, run.data.max_seq_len
    with RewardScorer(o.weights, o.settings) as judge:
        needs_expected = [name for name in o.weights if judge.needs_expected_for(name)]
    prompts, held_prompts = (build_prompts(examples, tokenizer) for examples in (train, held_out))
    max_prompt = max_length - o.max_completion_length

    def is_usable(prompt: Prompt) -> bool:
        return len(prompt.tokens) <= max_prompt and bool(prompt.expected or not needs_expected)

    usable = [prompt for prompt in prompts if is_usable(prompt)]
    blank = sum(1 for prompt in prompts if needs_expected and not prompt.expected)
    path = dataset_label(run.data.path)
    if not usable and blank:
        raise BadData(
            say(
                "{path}: no row has an answer to check against, which the reward {reward!r} needs.",
                path=path,
                reward=needs_expected[0],
            )
        )
    if not usable:
        raise BadData(
            say(
                "{path}: no question is short enough to leave room for an answer of {tokens} "
                "tokens within {max_length}: raise max_seq_len or lower max_completion_length.",
                path=path,
                tokens=o.max_completion_length,
                max_length=max_length,
            )
        )
    if blank:
        yield Warned(
            "no-expected",
            say(
                "{blank} of {count} questions have no answer to check against: left out.",
                blank=blank,
                count=len(prompts),
            ),
        )
    long = sum(1 for prompt in prompts if len(prompt.tokens) > max_prompt)
    if long:
        some = say(
            "{long} of {count} questions leave no room for an answer of {max_completion_length} tokens",
            long=long,
            count=len(prompts),
            max_completion_length=o.max_completion_length,
        )
        yield Warned("long-questions", say("{some} within {max_length}: left out.", some=some, max_length=max_length))
    return RolloutPrompts(usable, [p for p in held_prompts if is_usable(p)], len(train) - len(usable))


def load_replay(run: Run, tokenizer: Any) -> list[list[RolloutGroup]]:
    """The answers to replay, by step; none where new ones are to be written. Raises BadData."""
    return read_replay(Path(run.options.replay).expanduser(), len(tokenizer)) if run.options.replay else []


def steps_per_epoch(run: Run, prompts: Sequence[Prompt], replay: Sequence[Any]) -> int:
    """Optimizer steps in which every prompt is asked once, or every recorded set of answers learned from."""
    t = run.train
    answer_sets = len(replay) or -(-len(prompts) // (t.batch_size * t.gradient_accumulation_steps))
    return int(answer_sets * run.options.num_iterations)


def apply_temperature(model: nn.Module, lm_head: LMHead | None, temperature: float) -> LMHead | None:
    """A head whose probabilities are those at a temperature, as answers are drawn."""
    if temperature == 1.0:
        return lm_head
    if lm_head is None:  # the whole model is the body, and its logits what is still to be divided
        return LMHead(model, lambda logits: logits / temperature, nn.Identity(), 1)
    return LMHead(lm_head.body, lambda hidden: lm_head.logits(hidden) / temperature, lm_head.layer, lm_head.vocabulary)


def prepare_rollouts(
    run: Run,
    policy: Policy,
    prompts: Sequence[Prompt],
    held_out: Sequence[Prompt],
    replay: list[list[RolloutGroup]],
    samples: Path,
) -> Generator[Event, None, tuple[RolloutBatches, RolloutFacts]]:
    """(the batches of a run with rewards, facts for resolved.json), with warnings.

    `replay` holds recorded answers by step, which are learned from in place of new ones; `samples` is the file that the
    answers are written to. Raises BadOption.
    """
    o, t = run.options, run.train
    max_length = max(len(p.tokens) for p in (*prompts, *held_out)) + o.max_completion_length
    answers = yield from _fit_answers(policy, max_length, o.answers_at_once)
    scorer = RewardScorer(o.weights, o.settings)
    collector = Collector(_generator(policy, answers), policy.tokenizer, o, scorer, policy.group)
    # bnpo's loss is a mean over its batch, which for it stays as large as it was asked for.
    parallel = 1 if o.loss_type == "bnpo" else policy.parallel_batches
    config = RolloutConfig(
        prompts_per_step=t.batch_size * t.gradient_accumulation_steps,
        device="cpu" if mx.default_device() == mx.cpu else "gpu",
        parallel_batches=parallel,
        seed=t.seed,
        shuffle=run.data.shuffle,
        layout=policy.layout,
        samples_file=samples,
    )
    reference = _reference_context(run, policy.model)
    rollouts = RolloutBatches(
        collector,
        prompts,
        held_out,
        config,
        lm_head=policy.lm_head,
        reference=reference,
        replay=replay,
        fixed_logps=policy.fixed_logps,
    )
    return rollouts, RolloutFacts(answers.facts, o.weights, len(replay))


def prepare_on_policy(
    run: Run, policy: Policy, batches: Batches
) -> Generator[Event, None, tuple[OnPolicyBatches, OnPolicyFacts]]:
    """(a dataset's batches with answers of the student's own in some steps, facts for resolved.json), with warnings.

    Raises BadData where no row asks anything.
    """
    o, t, max_length = run.options, run.train, run.data.max_seq_len
    prompt_lengths = [prompt_length(row) for row in batches.rows]
    without_prompt = prompt_lengths.count(0)
    if without_prompt == len(prompt_lengths):
        raise BadData(
            say(
                "{path}: no row asks anything that the student could answer itself (lmbda).",
                path=dataset_label(run.data.path),
            )
        )
    if without_prompt:
        some = say(
            "{without_prompt} of {count} rows ask nothing", without_prompt=without_prompt, count=len(prompt_lengths)
        )
        yield Warned(
            "no-question", say("{some}: the student answers the others itself and learns these as they are.", some=some)
        )
    requested = min(PROMPTS_AT_ONCE, t.batch_size * t.gradient_accumulation_steps)
    longest = min(max_length, max(prompt_lengths) + o.max_new_tokens)
    answers = yield from _fit_answers(policy, longest, requested)
    params = SamplingParams(o.sampling_temperature, max_tokens=o.max_new_tokens)
    config = OnPolicyConfig(params, run.on_policy_share, max_length)
    own_answers = OnPolicyBatches(batches, _generator(policy, answers), config, policy.group)
    return own_answers, OnPolicyFacts(answers.facts, run.on_policy_share)


def _generator(policy: Policy, answers: _AnswerBatches) -> CompletionGenerator:
    """The model with what does not change while it writes answers."""
    stops = find_end_of_turn(policy.tokenizer).stops
    return CompletionGenerator(policy.model, stops, answers.facts.used, answers.batched, policy.stop, policy.limit)


def _fit_answers(policy: Policy, max_length: int, requested: int) -> Generator[Event, None, _AnswerBatches]:
    """How many answers of up to `max_length` tokens, prompt included, fit into memory; warnings where fewer do."""
    policy.model.eval()
    batched, reason = check_batching(policy.model, policy.dtype)
    if not batched:
        yield Warned(
            "sampling", say("Answers are written one after the other, which is slow: {reason}.", reason=reason)
        )
    at_once, bytes_each = fit_batch_size(policy.model, max_length, requested if batched else 1)
    if batched and at_once < requested:
        less = say("{at_once} answers are written at once instead of {requested}", at_once=at_once, requested=requested)
        yield Warned("memory", say("{less}: each may take {size:,.0f} MB.", less=less, size=bytes_each / 1e6))
    return _AnswerBatches(batched, AnswersAtOnce(requested, at_once, bytes_each, reason))


def _reference_context(run: Run, model: nn.Module) -> Callable[[], AbstractContextManager[Any]] | None:
    """A context in which the model answers as the reference that a KL pulls to; None where there is no KL."""
    o = run.options
    if not o.beta:
        return None
    is_initial = run.adapter.init is not None and o.reference != "base"
    if not is_initial and run.adapter.type != "full":
        return lambda: adapters.disable(model)
    initial = adapters.trainable_tensors(model)
    return lambda: _with_weights(model, initial)


@contextmanager
def _with_weights(model: nn.Module, weights: dict[str, mx.array]) -> Iterator[None]:
    """Within this, the model has these trained weights."""
    current = adapters.trainable_tensors(model)
    model.load_weights(list(weights.items()), strict=False)
    try:
        yield
    finally:
        model.load_weights(list(current.items()), strict=False)
