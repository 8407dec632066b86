"""Everything before the first step: data, model, adapter, and the numbers that follow from them."""

import itertools
import json
import math
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.ane.forward import REFERENCE, VALIDATION, ForwardPasses
from core.ane.verdict_cache import mark
from core.ane.watch import EngineWatch
from core.data.batch.batches import Batch, BatchSource
from core.data.batch.shares import Share
from core.data.tokenize.encode import EncodedPrompt
from core.device.gpu_failure import can_recover
from core.device.machine import versions
from core.device.select import select
from core.distributed.group import Group, current_group
from core.events import Event, Started, Warned
from core.memory.plan import Plan
from core.model.lm_head import LMHead
from core.model.sharding import Sharding, describe
from core.reference.logprob_cache import UNPACKED_LAYOUT
from core.reference.reference import Reference
from core.reference.teacher import Teacher
from core.resolved import Backend, DataFacts, MemoryFacts, MicroBatches, Resolved, to_json
from core.rollouts.batch_generate import WritingLimit
from core.rollouts.rollouts import RolloutBatches
from core.rollouts.setup import Policy
from core.run import Run
from core.run.folder import CHAT_TEMPLATE, RESOLVED, SAMPLES, RunFolder
from core.text.sentence import say
from core.training.ane_parts import describe_parts, forward_parts
from core.training.ane_setup import (
    IN_USE,
    engine_facts,
    judge_run,
    load_for_cpu,
    load_for_gpu,
    start_engine,
    start_forward,
    try_engine,
    without_packing,
)
from core.training.batch_source import BatchSources, prepare_batches
from core.training.data_setup import TrainingData, prepare_data, sample_prompts
from core.training.general_text import is_worth_it
from core.training.inputs import input_facts
from core.training.lr_schedule import default_warmup
from core.training.memory_setup import plan_memory
from core.training.model_setup import TrainingModel, check_vocabulary, prepare_model
from core.training.rank_facts import rank_facts
from core.training.reference_setup import OtherModel, ask_initial_model, ask_other_model
from core.training.sharded import choose_sharding

MAX_EVALUATIONS = 10  # over a run, unless eval_every says otherwise; they never take longer than the training


@dataclass(frozen=True)
class Schedule:
    """How many optimizer steps there are, and what happens at which."""

    total_steps: int
    learning_rate: float  # the peak
    warmup: int  # steps
    eval_every: int  # steps
    save_every: int  # steps


@dataclass
class Setup:
    """A run that is ready for its first step. Lives on the thread that prepared it."""

    run: Run
    folder: RunFolder
    model: nn.Module
    lm_head: LMHead | None  # None where logits must be made everywhere
    tokenizer: Any
    rows: Sequence[Any]
    batches: BatchSource
    eval_batches: list[Batch]
    rollouts: RolloutBatches | None  # where the batches come from, for a method whose answers the model writes
    teacher: Teacher | None
    annotator: Reference | Teacher | None  # what adds to the batches what another model says of them
    prompts: list[EncodedPrompt]  # for sample answers
    schedule: Schedule
    resolved: Resolved
    dtype: mx.Dtype  # what the model computes in
    on_gpu: bool
    stop: threading.Event  # set when the run is asked to stop
    compiles: bool  # whether steps of shapes that come up again are compiled
    writing_limit: WritingLimit = field(default_factory=WritingLimit)  # of answers that the model writes
    recovers: bool = False  # whether steps that the GPU fails in can be computed again
    parallel_batches: int = 1  # micro-batches that are computed side by side
    largest_step: int | None = None  # the step with the longest batch, where that is known before
    engine_watch: EngineWatch | None = None  # where the Neural Engine computes the steps' forward pass
    forward_passes: ForwardPasses | None = None  # where it computes those without a gradient alone
    group: Group = field(default_factory=Group)  # the ranks of the run
    is_parted: bool = False  # whether the model is, over the ranks: then all of them take the same batches
    measures_general: bool = False  # whether it is measured what the run makes the model forget

    @property
    def models(self) -> list[Any]:
        """All that a step computes with and that holds arrays."""
        return [self.model, self.lm_head, *(self.teacher.models if self.teacher else [])]

    @property
    def validates(self) -> bool:
        """Whether there is anything held out to measure on."""
        return self.eval_rows > 0

    @property
    def eval_rows(self) -> int:
        """How many held-out rows an evaluation looks at."""
        return len(self.rollouts.held_out) if self.rollouts else sum(len(b.rows) for b in self.eval_batches)

    @property
    def resolved_json(self) -> dict[str, Any]:
        """The contents of resolved.json."""
        return to_json(self.resolved)

    def write_folder(self, last_step: int | None) -> Iterator[Warned]:
        """The files of a run that stand before its first step, or before it goes on from the checkpoint of a step."""
        yield from self.folder.begin(self.run, last_step)
        if self.annotator:
            self.annotator.save(self.folder.path)
        self.write_resolved()
        if self.engine_watch or self.forward_passes:
            self.folder.write(IN_USE, json.dumps(mark()))
        if self.run.data.chat_template:  # whoever talks to the trained model must write as it has learned
            self.folder.write(CHAT_TEMPLATE, self.tokenizer.chat_template)

    def write_resolved(self) -> None:
        """Write resolved.json anew."""
        self.folder.write_json(RESOLVED, self.resolved_json)

    def close_engine(self) -> None:
        """Use the Neural Engine no more, if it is used."""
        for used in (self.engine_watch, self.forward_passes):
            if used:
                used.close()
                (self.folder.path / IN_USE).unlink(missing_ok=True)
        self.engine_watch = self.forward_passes = None

    def close(self) -> None:
        """End what runs beside the training, and let go of what holds the model (see TrainStep.close)."""
        self.writing_limit.give_way = None
        self.close_engine()
        if self.rollouts:
            self.rollouts.close()

    def started(self, first_step: int) -> Started:
        """The event that everything is loaded and step `first_step` is next."""
        resolved, steps = self.resolved, self.schedule.total_steps
        return Started(
            name=self.folder.path.name,
            folder=str(self.folder.path),
            method=self.run.method,
            model=self.run.model.path,
            total_steps=steps,
            first_step=first_step,
            epochs=steps / self.batches.steps_per_epoch,
            rows=len(self.rows),
            eval_rows=resolved.data.eval_rows,
            tokens=resolved.data.tokens,
            trainable_parameters=resolved.model.trainable_parameters,
            total_parameters=resolved.model.parameters,
            backend=to_json(resolved.backend),
            precision=to_json(resolved.precision),
            memory=to_json(resolved.memory),
            ranks=to_json(resolved.ranks) if resolved.ranks else {},
        )


def prepare(run: Run, folder: RunFolder, stop: threading.Event | None = None) -> Generator[Event, None, Setup]:
    """Load and check everything, yielding progress and warnings; the generator's value is the Setup.

    Nothing is written to the run's folder, see Setup.write_folder(). Raises BadOption, BadData, BadModel or
    Unavailable, the last also when `stop` is set in long work.
    """
    stop = stop or threading.Event()
    backend = Backend(**select(run.backend), neural_engine=None)
    device = backend.used
    if run.backend not in ("auto", "ane", device):
        requested = say("The {backend} was asked for", backend=run.backend.upper())
        yield Warned(
            "backend",
            say(
                "{requested}, the {device} is used: {reason}.",
                requested=requested,
                device=device.upper(),
                reason=backend.reason,
            ),
        )
    data = yield from prepare_data(run)
    group = current_group()
    may_use_engine = run.backend in ("auto", "ane") and group.size == 1
    steps, forward = judge_run(run, folder, data) if may_use_engine else (None, None)
    sharding = choose_sharding(run, data.model_folder, device, group)
    if sharding:
        yield Warned("sharding", describe(sharding, sharding.way))
    other_model = yield from ask_other_model(run, folder, data, device, stop, group)
    plan, memory = yield from plan_memory(run, data, device, sharding)
    texts = run.options.group_size if run.spec.on_policy else data.texts_per_row

    def load_model(device: str) -> Generator[Event, None, TrainingModel]:
        return prepare_model(run, data.model_folder, device, len(data.tokenizer), texts, plan.checkpointing, sharding)

    model, watch, passes = (yield from load_model(device)), None, None
    parts = forward_parts(run, len(data.dataset.held_out))
    if may_use_engine and forward is None:
        unlearned = _count_unlearned(run, data, parts)
        steps, forward = yield from try_engine(run, data, model, device, plan, steps, unlearned)
    if steps and steps.used:
        if device != "cpu":
            del model  # before another takes its place
            model = yield from load_for_cpu(load_model)
        steps, watch = yield from start_engine(model, steps)
        if not watch and device != "cpu":
            del model
            model = yield from load_for_gpu(run, load_model)
    elif forward and forward.used:
        forward, passes = yield from start_forward(model, forward, parts)
    if watch:
        model, plan, device = without_packing(model), replace(plan, parallel_batches=1), "cpu"
    if steps:
        facts = engine_facts(steps, forward, describe_parts(run, device, steps, forward, parts))
        backend = replace(backend, used=device, neural_engine=facts)
        if not facts.used and (run.backend == "ane" or "runtime" in (steps.code, forward and forward.code)):
            yield Warned("neural-engine", facts.line)
    engines = Engines(watch, passes)
    arguments = data, other_model, plan, memory, texts, model, engines, stop, group, sharding
    try:
        return (yield from _assemble(run, folder, backend, *arguments))
    except BaseException:
        for used in engines:
            if used:
                used.close()
        raise


class Engines(NamedTuple):
    """At most one of the two."""

    watch: EngineWatch | None
    passes: ForwardPasses | None


def _count_unlearned(run: Run, data: TrainingData, parts: Sequence[str]) -> int:
    """Texts that go forward through the model in these parts, without a gradient, over a whole run."""
    train_rows, held_out = len(data.batches.rows_in_steps(data.total_steps)), len(data.dataset.held_out)
    schedule = _schedule(run, data.total_steps, held_out, 1)
    validations = 1 + schedule.total_steps // schedule.eval_every
    rows: dict[str, int] = {REFERENCE: train_rows + held_out, VALIDATION: validations * held_out}
    return sum(rows[part] for part in parts) * data.texts_per_row


def _assemble(
    run: Run,
    folder: RunFolder,
    backend: Backend,
    data: TrainingData,
    other_model: OtherModel,
    plan: Plan,
    memory: MemoryFacts,
    texts: int,
    model: TrainingModel,
    engines: Engines,
    stop: threading.Event,
    group: Group,
    sharding: Sharding | None,
) -> Generator[Event, None, Setup]:
    """The Setup of a run whose model is in memory: its batches, what other models say of them, its schedule."""
    device = backend.used
    rows = itertools.chain(data.dataset.train, data.dataset.held_out)  # made one by one, where they are looked at
    check_vocabulary(model.model, len(data.tokenizer), rows, run.model.path)
    layout, parallel = model.layout.options, plan.parallel_batches
    data.batches.layout = layout
    data.batches.max_tokens = plan.tokens if plan.rows < run.train.batch_size else None
    data.batches.parallel_batches = parallel if run.spec.decomposable else 1
    data.batches.share = Share(group.rank, group.size) if group.size > 1 and not sharding else None
    of_held_out = UNPACKED_LAYOUT if engines.passes else layout
    yield from ask_initial_model(run, folder, data, model, other_model, parallel, device, stop, engines.passes)
    policy = Policy(model.model, model.lm_head, data.tokenizer, model.dtype, layout, parallel, stop, group)
    annotator, samples = other_model.annotator, folder.path / SAMPLES
    sources = yield from prepare_batches(run, data, policy, annotator, samples, of_held_out)

    schedule = _schedule(run, data.total_steps, sources.held_out_rows, texts if run.spec.on_policy else 1)
    tokens = data.dataset.facts.tokens * data.total_steps / sources.training.steps_per_epoch
    measures_general = not sharding and is_worth_it(run, data.tokenizer, data.total_steps, tokens)
    resolved = _resolve(run, backend, data, plan, memory, model, sources, schedule, other_model, measures_general)
    writes_answers = bool(sources.rollouts or run.on_policy_share)
    setup = Setup(
        run=run,
        folder=folder,
        model=model.model,
        lm_head=model.lm_head,
        tokenizer=data.tokenizer,
        rows=data.dataset.train,
        batches=sources.training,
        eval_batches=sources.held_out,
        rollouts=sources.rollouts,
        teacher=other_model.teacher,
        annotator=annotator,
        prompts=sample_prompts(run, data),
        schedule=schedule,
        resolved=replace(resolved, ranks=rank_facts(run, group, sharding is not None)),
        dtype=model.dtype,
        on_gpu=device == "gpu",
        stop=stop,
        compiles=bool(model.compiled.used),
        writing_limit=policy.limit,
        recovers=can_recover(device) and not sharding,
        parallel_batches=parallel,
        largest_step=None if writes_answers else data.batches.largest_step(schedule.total_steps),
        engine_watch=engines.watch,
        forward_passes=engines.passes,
        group=group,
        is_parted=sharding is not None,
        measures_general=measures_general,
    )
    return setup


def _schedule(run: Run, steps: int, eval_rows: int, answers_per_row: int) -> Schedule:
    """The numbers of steps as asked for; where they are not, evaluations take no longer than the training."""
    t = run.train
    rows_learned = steps * t.batch_size * t.gradient_accumulation_steps * answers_per_row
    evaluations = min(MAX_EVALUATIONS, max(1, rows_learned // max(1, eval_rows)))
    eval_every = t.eval_every or max(1, math.ceil(steps / evaluations))
    return Schedule(
        total_steps=steps,
        learning_rate=run.usual_learning_rate if t.learning_rate is None else t.learning_rate,
        warmup=default_warmup(t.lr_schedule, steps) if t.warmup_steps is None else t.warmup_steps,
        eval_every=eval_every,
        save_every=t.save_every or eval_every,
    )


def _resolve(
    run: Run,
    backend: Backend,
    data: TrainingData,
    plan: Plan,
    memory: MemoryFacts,
    model: TrainingModel,
    sources: BatchSources,
    schedule: Schedule,
    other_model: OtherModel,
    measures_general: bool,
) -> Resolved:
    """Every value as used, for resolved.json."""
    steps_per_epoch = sources.training.steps_per_epoch
    train = to_json(run.train) | {
        "steps": schedule.total_steps,
        "epochs": schedule.total_steps / steps_per_epoch,
        "learning_rate": schedule.learning_rate,
        "warmup_steps": schedule.warmup,
        "eval_every": schedule.eval_every,
        "save_every": schedule.save_every,
        "forgetting": "on" if measures_general else "off",
    }
    data_facts = DataFacts(
        **to_json(data.dataset.facts),
        logits=model.logits,
        packing=model.layout.packing,
        shared_prompts=model.layout.shared_prompts,
        micro_batches=MicroBatches(plan.rows, data.batches.max_tokens, plan.parallel_batches, plan.reason),
        rollouts=sources.rollout_facts,
        own_answers=sources.on_policy_facts,
        max_seq_len=run.data.max_seq_len,
        train_on=run.data.train_on,
        shuffle=run.data.shuffle,
    )
    return Resolved(
        method=run.method,
        options=run.options,
        model=model.facts,
        adapter=adapters.resolved_options(model.model, run.adapter),
        precision=model.precision,
        backend=backend,
        data=data_facts,
        train=train,
        steps_per_epoch=steps_per_epoch,
        versions=versions(),
        memory=memory,
        compiled=model.compiled,
        fused=model.fused,
        inputs=input_facts(
            run,
            data,
            sources.rollouts.held_out if sources.rollouts else data.dataset.held_out,
            teacher=other_model.teacher.source if other_model.teacher else None,
            reference=other_model.reference.source if other_model.reference else None,
        ),
        teacher=other_model.teacher.facts if other_model.teacher else None,
        reference=other_model.reference.facts if other_model.reference else None,
    )
