"""The Neural Engine for a run: whether it is used, and the engine that computes the forward pass then."""

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.ane.build import build_chunks
from core.ane.engine import Engine
from core.ane.gradient_check import check_gradients
from core.ane.rules import judge_memory
from core.ane.runner import CoreMLRunner, LoadRunner, RunnerError
from core.ane.selection import Trial, judge_early, preference
from core.ane.verdict import Verdict, refused
from core.ane.watch import EngineWatch
from core.data.batch.groups import row_texts
from core.device.machine import free_memory
from core.device.neural_engine import Host
from core.device.select import select
from core.events import Event, Phase, Warned
from core.model.check_folder import read_config
from core.reference.frozen_model import file_stamps
from core.resolved import Backend, Decision, NeuralEngineFacts, Packing
from core.run import Run
from core.run.folder import RunFolder
from core.training.data_setup import TrainingData
from core.training.model_setup import TrainingModel

# A file in a run's folder: it uses the Neural Engine. Found before a run goes on, it says that Hone was killed.
IN_USE = "neural-engine-in-use"


LoadModel = Callable[[str], Generator[Event, None, TrainingModel]]  # for "cpu" or "gpu"


@dataclass(frozen=True)
class Machine:
    """What a run finds here; the tests put others in its place."""

    host: Host
    trial: Trial
    load: LoadRunner


def this_machine() -> Machine:
    """The machine that Hone runs on, with Core ML."""
    return Machine(Host.this_one(), Trial(), CoreMLRunner)


def judge_run(run: Run, folder: RunFolder, data: TrainingData) -> Verdict | None:
    """Why a run that may use the Neural Engine does not, before its model is loaded; else None."""
    if (folder.path / IN_USE).exists():
        reason = "Hone was killed while this run used it, and perhaps by it: the run goes on without it."
        return refused("runtime", reason)
    return judge_early(run, read_config(data.model_folder), longest_text(data), this_machine().host)


def longest_text(data: TrainingData) -> int:
    """Tokens of the longest text, learned from or held out."""
    rows: Iterable[Any] = (*data.dataset.train, *data.dataset.held_out)
    return max((len(text.tokens) for row in rows for text in row_texts(row)), default=0)


def try_engine(
    run: Run, data: TrainingData, model: TrainingModel, device: str, checkpointing: bool
) -> Generator[Event, None, Verdict]:
    """Whether the Neural Engine computes the blocks of a model that is loaded for a device. Yields progress."""
    if checkpointing:
        reason = (
            "A step fits into memory only with gradient checkpointing, which would compute each forward pass twice."
        )
        return refused("memory", reason)
    grows = device != "cpu" and model.dtype != mx.float32  # see load_for_cpu()
    free_disk = shutil.disk_usage(tempfile.gettempdir()).free
    verdict = judge_memory(model.facts.parameters, free_memory(), free_disk, grows=grows)
    if verdict is None:
        yield Phase("Trying the Neural Engine", "experimental")
        source, longest = file_stamps(data.model_folder), longest_text(data)
        verdict = this_machine().trial.judge(model.model, longest, source, preference(run))
    return verdict


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
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            model: TrainingModel = end.value
            return model
        if not isinstance(event, Warned):
            yield event


def start_engine(model: TrainingModel, verdict: Verdict) -> Generator[Event, None, tuple[Verdict, EngineWatch | None]]:
    """Let programs compute the blocks of a model that is on the CPU, as a verdict says. Yields progress."""
    folder, machine = Path(tempfile.mkdtemp(prefix="hone-ane-")), this_machine()

    def try_again() -> float | None:
        objection, facts = machine.trial.probe(model.model.layers[-1], verdict.facts["length"])
        return None if objection else float(facts["seconds"])

    engine, first_use = Engine([], folder=folder), ExitStack()
    first_use.enter_context(machine.trial.first_use(verdict))
    try:
        for chunk in build_chunks(model.model.layers, verdict.facts["length"], folder, machine.load):
            engine.chunks.append(chunk)
            yield Phase("Making programs for the Neural Engine", str(len(engine.chunks)))
        engine.install()
        check_gradients(engine)
    except BaseException as error:
        first_use.close()
        engine.close()
        if isinstance(error, RunnerError | ValueError):
            return refused("runtime", f"{str(error).rstrip('.')}."), None
        raise
    watch = EngineWatch(engine, verdict.facts["seconds"], try_again, first_use)
    if engine.failure:
        failure = engine.failure
        watch.close()
        return refused("runtime", f"It failed before the first step: {failure}."), None
    return verdict, watch


def without_packing(model: TrainingModel) -> TrainingModel:
    """The model for texts that lie each in a row of their own, in steps that are not compiled."""
    reason = "a program of the Neural Engine takes one text at a time"
    layout = model.layout
    shared = layout.shared_prompts and Decision(False, reason)
    options = {"pack": False, "share": False}
    layout = replace(
        layout, options=options, packing=Packing(layout.packing.requested, False, reason), shared_prompts=shared
    )
    compiled = Decision(False, "the Neural Engine computes in the middle of a step")
    return replace(model, layout=layout, compiled=compiled)


def engine_facts(verdict: Verdict) -> NeuralEngineFacts:
    """For resolved.json."""
    return NeuralEngineFacts(verdict.used, verdict.code, verdict.stage, verdict.line, dict(verdict.facts))


def with_counts(backend: Backend, watch: EngineWatch) -> Backend:
    """The backend with what became of the calls so far."""
    facts, engine = backend.neural_engine, watch.engine
    if facts is None:
        return backend
    counts = {"calls": engine.served, "fallbacks": dict(engine.fallbacks), "largest_error": engine.largest_error}
    seconds = {f"{name}_seconds": value for name, value in engine.seconds.items()}
    return replace(backend, neural_engine=replace(facts, facts=facts.facts | counts | seconds))


def without_engine(backend: Backend, watch: EngineWatch) -> Backend:
    """The backend of a run whose engine has failed on the way."""
    counted = with_counts(backend, watch)
    verdict = refused("runtime", f"It was used, and failed: {watch.engine.failure}.")
    facts = counted.neural_engine.facts if counted.neural_engine else {}
    return replace(counted, neural_engine=replace(engine_facts(verdict), facts=facts))
