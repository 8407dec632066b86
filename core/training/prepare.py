"""Everything before the first step: data, model, adapter, and the numbers that follow from them."""

import itertools
import threading
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import NamedTuple

from core.ane.forward import REFERENCE, VALIDATION, ForwardPasses
from core.ane.watch import EngineWatch
from core.data.batch.groups import text_lengths
from core.data.batch.shares import Share
from core.device.gpu_failure import can_recover
from core.device.select import select
from core.distributed.group import Group
from core.distributed.launched import current_group
from core.events import Event, Warned
from core.memory.plan import Plan
from core.model.attention_window import describe_ignored_window
from core.model.check_folder import read_config
from core.model.sharding import Sharding, describe
from core.reference.logprob_cache import UNPACKED_LAYOUT
from core.resolved import Backend, Decision, MemoryFacts
from core.rollouts.setup import Policy
from core.run import Run
from core.run.folder import SAMPLES, RunFolder
from core.run.idle import idle_settings
from core.text.sentence import say
from core.training.ane_parts import describe_parts, forward_parts
from core.training.ane_setup import (
    engine_facts,
    judge_run,
    load_for_cpu,
    load_for_gpu,
    start_engine,
    start_forward,
    try_engine,
    without_packing,
)
from core.training.batch_source import prepare_batches
from core.training.data_setup import TrainingData, prepare_data, sample_prompts
from core.training.general_text import is_worth_it
from core.training.memory_setup import plan_memory
from core.training.model_setup import TrainingModel, check_vocabulary, prepare_model
from core.training.numpy_gradient import make_numpy_gradient
from core.training.rank_facts import DROPOUT, rank_facts
from core.training.reference_setup import OtherModel, ask_initial_model, ask_other_model
from core.training.resolve import resolve
from core.training.schedule import describe_out_of_reach, plan_schedule
from core.training.setup import Setup
from core.training.sharded import choose_sharding


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
    for _, sentence in idle_settings(run):
        yield Warned("idle", sentence)
    data = yield from prepare_data(run)
    group = current_group()
    may_use_engine = run.backend in ("auto", "ane") and group.size == 1
    steps, forward = judge_run(run, folder, data) if may_use_engine else (None, None)
    sharding = choose_sharding(run, data.model_folder, device, group)
    if sharding:
        yield Warned("sharding", describe(sharding, sharding.way))
    if group.size > 1 and run.adapter.dropout:
        yield Warned("dropout", DROPOUT)
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
    schedule = plan_schedule(run, data.total_steps, held_out, 1)
    validations = 1 + schedule.total_steps // schedule.eval_every
    rows: dict[str, int] = {REFERENCE: train_rows + held_out, VALIDATION: validations * held_out}
    return sum(rows[part] for part in parts) * data.texts_per_row


def _longest_text(run: Run, data: TrainingData) -> int:
    """Tokens of the longest text that is learned, of an answer that is not written yet as many as it may have."""
    answer = run.options.max_completion_length if run.spec.on_policy else 0
    return answer + int(text_lengths(data.dataset.train).max(initial=0))


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
    if note := describe_ignored_window(model.model, read_config(data.model_folder), _longest_text(run, data)):
        yield Warned("window", note)
    layout, parallel = model.layout.options, plan.parallel_batches
    data.batches.layout = layout
    data.batches.max_tokens = plan.tokens if plan.rows < run.train.batch_size else None
    data.batches.parallel_batches = parallel if run.spec.decomposable else 1
    data.batches.share = Share(group.rank, group.size) if group.size > 1 and not sharding else None
    of_held_out = UNPACKED_LAYOUT if engines.passes else layout
    recovers = can_recover(device) and not sharding
    on_processor = device == "cpu" and not recovers
    numpy, objection = make_numpy_gradient(run, model, on_processor, parallel, bool(engines.watch), bool(sharding))
    yield from ask_initial_model(run, folder, data, model, other_model, parallel, device, stop, engines.passes, numpy)
    policy = Policy(
        model.model,
        model.lm_head,
        data.tokenizer,
        model.dtype,
        layout,
        parallel,
        stop,
        group,
        fixed_logps=numpy.fixed_logps if numpy else None,
    )
    annotator, samples = other_model.annotator, folder.path / SAMPLES
    sources = yield from prepare_batches(run, data, policy, annotator, samples, of_held_out)

    schedule = plan_schedule(run, data.total_steps, sources.held_out_rows, texts if run.spec.on_policy else 1)
    for sentence in describe_out_of_reach(run, schedule, sources.held_out_rows):
        yield Warned("out-of-reach", sentence)
    tokens = data.dataset.facts.tokens * data.total_steps / sources.training.steps_per_epoch
    measures_general = not sharding and is_worth_it(run, data.tokenizer, data.total_steps, tokens)
    resolved = resolve(run, backend, data, plan, memory, model, sources, schedule, other_model, measures_general)
    resolved = replace(resolved, numpy=Decision(bool(numpy), objection))
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
        resolved=replace(resolved, ranks=rank_facts(run, group, sharding)),
        dtype=model.dtype,
        on_gpu=device == "gpu",
        stop=stop,
        compiles=bool(model.compiled.used),
        writing_limit=policy.limit,
        recovers=recovers,
        parallel_batches=parallel,
        numpy=numpy,
        largest_step=None if writes_answers else data.batches.largest_step(schedule.total_steps),
        engine_watch=engines.watch,
        forward_passes=engines.passes,
        group=group,
        is_parted=sharding is not None,
        measures_general=measures_general,
    )
    return setup
