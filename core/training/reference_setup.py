"""The other model that a run compares with: a reference for preferences, or a teacher to learn from."""

import threading
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from core.ane.forward import REFERENCE, ForwardPasses
from core.device.parallel_plan import parallel_batches
from core.distributed.group import Group
from core.events import Event
from core.reference.frozen_model import file_stamps
from core.reference.logprob_cache import UNPACKED_LAYOUT
from core.reference.reference import Reference
from core.reference.teacher import Teacher
from core.resolved import to_json
from core.run import Run
from core.run.folder import RunFolder
from core.training.data_setup import TrainingData
from core.training.model_setup import TrainingModel
from core.training.numpy_gradient import NumpyGradient


@dataclass(frozen=True)
class OtherModel:
    """At most one of the two."""

    reference: Reference | None
    teacher: Teacher | None

    @property
    def annotator(self) -> Reference | Teacher | None:
        """What adds to a batch what the other model says of it."""
        return self.reference or self.teacher


def ask_other_model(
    run: Run, folder: RunFolder, data: TrainingData, device: str, stop: threading.Event, group: Group
) -> Generator[Event, None, OtherModel]:
    """Load the teacher, or have what another model says of the rows, yielding progress.

    To be called before the model in training is loaded: a model that is asked once has gone from memory by then.
    Raises BadModel, BadOption, and Unavailable when `stop` is set.
    """
    held_out, steps = data.dataset.held_out, data.total_steps
    reference = Reference(run, data.batches, held_out, steps, group) if run.spec.reference else None
    if reference and reference.is_other_model:
        parallel = parallel_batches(run, device)
        yield from reference.compute_other_model(folder.path, data.tokenizer, device, stop, parallel)
    teacher = Teacher(run, group) if run.spec.divergence else None
    if teacher:
        yield from teacher.prepare(folder.path, data.batches, held_out, steps, data.tokenizer, device, stop)
    return OtherModel(reference, teacher)


def ask_initial_model(
    run: Run,
    folder: RunFolder,
    data: TrainingData,
    model: TrainingModel,
    other_model: OtherModel,
    parallel: int,
    device: str,
    stop: threading.Event,
    passes: ForwardPasses | None = None,
    numpy: NumpyGradient | None = None,
) -> Generator[Event, None, None]:
    """Compute the reference's log-probabilities where the reference is the model in training as it is before.

    `parallel` batches are computed side by side; with `passes`, programs compute the model's blocks; with `numpy`, it
    computes them as in the steps. Raises Unavailable when `stop` is set.
    """
    reference = other_model.reference
    if not reference or reference.is_other_model:
        return
    initial = file_stamps(Path(run.adapter.init).expanduser()) if run.adapter.init else []
    precision = to_json(model.precision)
    fingerprint = [reference.model_name, file_stamps(data.model_folder), initial, precision, device]
    layout, fixed_logps, as_steps = model.layout.options, None, True
    if passes and passes.serves(REFERENCE):
        fingerprint, layout, parallel = [*fingerprint, "Neural Engine"], dict(UNPACKED_LAYOUT), 1
        as_steps = False
    elif numpy and not passes:
        fingerprint, fixed_logps = [*fingerprint, "NumPy"], numpy.fixed_logps
    with passes.computing(REFERENCE) if passes else nullcontext():
        yield from reference.compute(
            folder.path,
            fingerprint,
            lambda: (model.model, model.lm_head),
            stop,
            layout,
            parallel,
            fixed_logps,
            as_steps,
        )
    if numpy:
        numpy.free_memory()
