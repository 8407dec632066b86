"""The Neural Engine for a run: whether it is used, and the engine that computes the forward pass then."""

import json
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.ane.build import build_chunks
from core.ane.engine import Engine
from core.ane.forward import ForwardPasses
from core.ane.gradient_check import check_gradients
from core.ane.program_cache import ProgramCache
from core.ane.rules import judge_memory
from core.ane.runner import CoreMLRunner, LoadRunner, RunnerError
from core.ane.selection import Trial, judge_early, judge_forward_early, preference
from core.ane.verdict import Verdict, refused
from core.ane.verdict_cache import VerdictCache
from core.ane.watch import EngineWatch
from core.ane.worth import Work
from core.data.batch.groups import text_lengths
from core.device.machine import free_memory
from core.device.neural_engine import ENGINE, Host
from core.device.select import select
from core.events import Event, Phase, Walked, Warned
from core.memory.plan import Plan
from core.model.check_folder import read_config
from core.reference.frozen_model import file_stamps
from core.resolved import Backend, Decision, EnginePart, NeuralEngineFacts, Packing
from core.run import Run
from core.run.folder import RunFolder
from core.text.sentence import capitalize, join_and, say
from core.training.data_setup import TrainingData
from core.training.model_setup import TrainingModel

# A file in a run's folder: it uses the Neural Engine. Found before a run goes on, it says that Hone was killed; for how
# long that counts, see VerdictCache.still_counts().
IN_USE = "neural-engine-in-use"


LoadModel = Callable[[str], Generator[Event, None, TrainingModel]]  # for "cpu" or "gpu"


@dataclass(frozen=True)
class Machine:
    """What a run finds here; the tests put others in its place."""

    host: Host
    trial: Trial
    load: LoadRunner
    programs: ProgramCache


def this_machine() -> Machine:
    """The machine that Hone runs on, with Core ML."""
    return Machine(Host.this_one(), Trial(), CoreMLRunner, ProgramCache())


def judge_run(run: Run, folder: RunFolder, data: TrainingData) -> tuple[Verdict | None, Verdict | None]:
    """Why a run that may use the Neural Engine does not, before its model is loaded: (for its steps, for its passes
    without a gradient); None where it may."""
    cache = this_machine().trial.cache or VerdictCache()
    if cache.still_counts(read_mark(folder.path / IN_USE)):
        reason = say("Hone was killed while this run used it, and perhaps by it: the run goes on without it.")
        return (refused("runtime", reason),) * 2
    asked = run, read_config(data.model_folder), longest_text(data), this_machine().host
    return judge_early(*asked), judge_forward_early(*asked)


def read_mark(path: Path) -> dict[str, Any]:
    """What IN_USE says; empty where there is none that can be read."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def longest_text(data: TrainingData) -> int:
    """Tokens of the longest text, learned from or held out."""
    return max(all_lengths(data), default=0)


def all_lengths(data: TrainingData) -> list[int]:
    """Tokens of every text, learned from or held out."""
    return [n for rows in (data.dataset.train, data.dataset.held_out) for n in text_lengths(rows).ravel().tolist()]


def try_engine(
    run: Run, data: TrainingData, model: TrainingModel, device: str, plan: Plan, objection: Verdict | None, texts: int
) -> Generator[Event, None, tuple[Verdict, Verdict | None]]:
    """Whether the Neural Engine computes (the steps of a model that is loaded for a device; where it does not, its
    passes without a gradient, None where there are none). Yields progress.

    Arguments:
        objection: why it does not compute steps, as far as that is known.
        texts: how many go forward without a gradient, over the whole run.
    """
    if plan.checkpointing:
        reason = say(
            "A step fits into memory only with gradient checkpointing, which would compute each forward pass twice."
        )
        objection = objection or refused("memory", reason)
    grows = device != "cpu" and model.dtype != mx.float32  # see load_for_cpu()
    memory, disk = free_memory(), shutil.disk_usage(tempfile.gettempdir()).free
    objection = objection or judge_memory(model.facts.parameters, memory, disk, grows=grows)
    forward = judge_memory(model.facts.parameters, memory, disk) if texts else None
    if objection and (forward or not texts):
        return objection, forward
    yield Phase("Trying the Neural Engine", "experimental")
    lengths = all_lengths(data)
    work = Work(max(lengths), sum(lengths) / len(lengths), plan.rows * data.texts_per_row)
    tried = this_machine().trial.judge(model.model, model.lm_head, work, file_stamps(data.model_folder))
    steps = objection or tried.judge_step(preference(run))
    if not texts or steps.used:
        return steps, None
    return steps, forward or tried.judge_forward(preference(run), texts)


def load_for_cpu(load: LoadModel) -> Generator[Event, None, TrainingModel]:
    """The model as a CPU computes it, in float32, where it was loaded for a GPU; its warnings were told before."""
    select("cpu")
    mx.clear_cache()
    return (yield from _without_warnings(load("cpu")))


def load_for_gpu(run: Run, load: LoadModel) -> Generator[Event, None, TrainingModel]:
    """The model as it was before load_for_cpu()."""
    device = select(run.backend)["used"]
    mx.clear_cache()
    return (yield from _without_warnings(load(device)))


def _without_warnings(events: Generator[Event, None, TrainingModel]) -> Generator[Event, None, TrainingModel]:
    walked = Walked(events)
    for event in walked:
        if not isinstance(event, Warned):
            yield event
    return walked.value


def start_engine(model: TrainingModel, verdict: Verdict) -> Generator[Event, None, tuple[Verdict, EngineWatch | None]]:
    """Let programs compute the blocks of a model that is on the CPU, as a verdict says. Yields progress."""
    machine = this_machine()

    def try_again() -> float | None:
        objection, facts = machine.trial.probe(model.model.layers[-1], verdict.facts["length"])
        return None if objection else float(facts["seconds"])

    engine, first_use = Engine([]), ExitStack()
    first_use.enter_context(machine.trial.first_use(verdict))
    try:
        for chunk in build_chunks(model.model.layers, verdict.facts["length"], machine.programs, machine.load):
            engine.chunks.append(chunk)
            yield _progress(engine)
        engine.install()
        check_gradients(engine)
    except BaseException as error:
        first_use.close()
        engine.close()
        if isinstance(error, RunnerError | ValueError):
            return refused("runtime", capitalize(say("{reason}.", reason=error))), None
        raise
    watch = EngineWatch(engine, verdict.facts["seconds"], try_again, first_use)
    if engine.failure:
        failure = engine.failure
        watch.close()
        return refused("runtime", say("It failed before the first step: {failure}.", failure=failure)), None
    return verdict, watch


def start_forward(
    model: TrainingModel, verdict: Verdict, parts: tuple[str, ...]
) -> Generator[Event, None, tuple[Verdict, ForwardPasses | None]]:
    """Make the programs that compute these parts of a run, as a verdict says, for a model that stays where it is.

    Yields progress.
    """
    machine = this_machine()
    passes = ForwardPasses(Engine([]), parts)
    passes.first_use.enter_context(machine.trial.first_use(verdict))
    length = verdict.facts["length"]
    try:
        for chunk in build_chunks(model.model.layers, length, machine.programs, machine.load, forward_only=True):
            passes.engine.chunks.append(chunk)
            yield _progress(passes.engine)
    except BaseException as error:
        passes.close()
        if isinstance(error, RunnerError | ValueError):
            return refused("runtime", capitalize(say("{reason}.", reason=error))), None
        raise
    return verdict, passes


def _progress(engine: Engine) -> Phase:
    """How many programs there are so far, and how many of them were kept from before."""
    count, kept = len(engine.chunks), sum(chunk.was_kept for chunk in engine.chunks)
    detail = say("{count}, {kept} kept from before", count=count, kept=kept) if kept else str(count)
    return Phase("Making programs for the Neural Engine", detail)


def without_packing(model: TrainingModel) -> TrainingModel:
    """The model for texts that lie each in a row of their own, in steps that are not compiled."""
    reason = say("a program of the Neural Engine takes one text at a time")
    layout = model.layout
    shared = layout.shared_prompts and Decision(False, reason)
    options = {"pack": False, "share": False}
    layout = replace(
        layout, options=options, packing=Packing(layout.packing.requested, False, reason), shared_prompts=shared
    )
    compiled = Decision(False, say("the Neural Engine computes in the middle of a step"))
    return replace(model, layout=layout, compiled=compiled)


def engine_facts(steps: Verdict, forward: Verdict | None, parts: list[EnginePart]) -> NeuralEngineFacts:
    """For resolved.json: what was decided of a run's steps, and of its passes without a gradient."""
    line, facts = steps.line, dict(steps.facts)
    if forward and forward.used:
        names = join_and([part.part for part in parts if part.used == ENGINE])
        line = say("Neural Engine: {names}, not the steps. {reason}", names=names, reason=steps.reason)
        facts |= forward.facts
    elif forward and forward.code == "runtime":
        line = forward.line
    return NeuralEngineFacts(steps.used, steps.code, steps.stage, line, facts, parts)


def with_counts(backend: Backend, engine: Engine) -> Backend:
    """The backend with what became of the calls so far."""
    facts = backend.neural_engine
    if facts is None:
        return backend
    kept = sum(chunk.was_kept for chunk in engine.chunks)
    counts = {
        "calls": engine.served,
        "fallbacks": dict(engine.fallbacks),
        "largest_error": engine.largest_error,
        "programs": {"made": len(engine.chunks) - kept, "kept": kept},
    }
    seconds = {f"{name}_seconds": value for name, value in engine.seconds.items()}
    return replace(backend, neural_engine=replace(facts, facts=facts.facts | counts | seconds))


def without_engine(backend: Backend, engine: Engine) -> Backend:
    """The backend of a run whose engine has failed on the way."""
    counted = with_counts(backend, engine)
    if counted.neural_engine is None:
        return counted
    verdict, usual = (
        refused("runtime", say("It was used, and failed: {failure}.", failure=engine.failure)),
        backend.used.upper(),
    )
    parts = [
        replace(part, used=usual, reason=verdict.reason) if part.used == ENGINE else part
        for part in counted.neural_engine.parts
    ]
    failed = engine_facts(verdict, None, parts)
    return replace(counted, neural_engine=replace(failed, facts=counted.neural_engine.facts))
