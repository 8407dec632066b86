"""The checks of a run before it starts, one after the other. No Qt; belongs on a task's thread."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.desktop.machine import format_bytes
from app.new_run import goals, memory_fit
from app.new_run.check import BAD, GOOD, LATER, NOTE, Check
from app.new_run.data_checks import check_data, check_placeholders, check_tokens, survey
from app.new_run.disabled_reasons import use_labels
from app.new_run.model_facts import describe_facts
from app.new_run.step_times import from_measured
from app.preview import dataset_reader
from app.runs.labels import model_label
from app.threads import core_calls
from app.threads.model_library import read_model_facts
from core.errors import Unavailable, UserError
from core.events import Phase, Walked
from core.quant.modes import MODES, UNPACKED
from core.run import Run, runs_folder

if TYPE_CHECKING:
    pass

_HIGH, _LOW = 3.0, 100.0  # a learning rate is high above 3 times the usual one, low below a hundredth of it
_FREE_SPACE = 200 << 20  # bytes that should stay free whatever the model


TITLES = (
    "Settings", "Data", "Placeholders", "Model", "What is learned", "Memory", "Disk", "Backend", "Neural Engine",
    "Precision", "Power",
)  # fmt: skip
MEASURED = "Time"  # comes after them, from steps that are taken while the person may start already


def run_checks(run: Run) -> Iterator[Check]:
    """Every check of a run, in the order of TITLES. Never raises a UserError: it becomes a check that failed."""
    head, folder, tokenizer = None, None, None
    yield _check_settings(run)
    try:
        rows = survey(run)
        head = rows.head
        yield check_data(run, rows)
        yield check_placeholders(rows)
    except UserError as error:
        yield Check("Data", BAD, str(error), "Data")
        yield Check("Placeholders", LATER, "Can be told once the data can be read.")
    remote = _Remote()
    try:
        folder = core_calls.find_model(run.model.path, run.model.revision)
        if folder is None:
            remote = _ask_hub(run)
        yield _check_model(run, folder, remote)
    except UserError as error:
        yield Check("Model", BAD, str(error), "Model")
    try:
        loaded = dataset_reader.load_run_tokenizer(run, folder) if folder else None
        tokenizer = loaded.tokenizer if loaded else None
        yield check_tokens(run, head, tokenizer)
    except UserError as error:
        yield Check("What is learned", BAD, str(error), "Model")
    yield _check_memory(run, folder, remote)
    yield _check_disk(run, folder, remote)
    device = core_calls.backend_report(run.backend)
    yield _check_backend(device)
    yield _check_neural_engine(run, folder)
    yield _check_precision(run, device["used"], folder)
    yield _check_power()


@dataclass(frozen=True)
class _Remote:
    """What the Hub says of a model that is not here; `problem` where it could not be asked."""

    download_bytes: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def _ask_hub(run: Run) -> _Remote:
    try:
        return _Remote(*core_calls.remote_model(run.model.path, run.model.revision))
    except Unavailable as error:
        return _Remote(problem=str(error))


def _check_power() -> Check:
    on_battery, sentences = core_calls.power_state()
    if sentences:
        return Check("Power", NOTE, " ".join(sentences))
    words = "This system does not tell what it runs on." if on_battery is None else "The computer is plugged in."
    return Check("Power", GOOD, words)


def _check_settings(run: Run) -> Check:
    try:
        Run.from_dict(run.to_dict())  # built anew, a method's options are checked against each other as well
    except UserError as error:
        return Check("Settings", BAD, use_labels(str(error), run.method), "Settings")
    if words := goals.missing_model_reason(run):
        return Check("Settings", BAD, words, "Model")
    lr, usual = run.train.learning_rate, run.usual_learning_rate
    if lr is not None and lr > _HIGH * usual:
        words = f"A learning rate of {lr:g} is high; {usual:g} is usual here. The loss may jump."
        return Check("Settings", NOTE, words, "Settings")
    if lr is not None and lr < usual / _LOW:
        words = f"A learning rate of {lr:g} is low; {usual:g} is usual here. The model will barely change."
        return Check("Settings", NOTE, words, "Settings")
    return Check("Settings", GOOD, "All settings agree with each other.", "Settings")


def _check_model(run: Run, folder: Path | None, remote: _Remote) -> Check:
    name = model_label(run)
    if folder is None and remote.problem:
        words = f"{name} is not on this computer, and its download may fail: {remote.problem}"
        return Check("Model", NOTE, words, "Model")
    if folder is None:
        size = format_bytes(remote.download_bytes or 0)
        return Check("Model", NOTE, f"{name} is not on this computer: the run begins by downloading {size}.", "Model")
    missing = core_calls.missing_files(folder)
    if missing:
        return Check("Model", BAD, f"{folder} is no complete model: {', '.join(missing[:3])} is missing.", "Model")
    if note := core_calls.tied_head_note(folder):
        return Check("Model", NOTE, note, "Model")
    return Check("Model", GOOD, f"{name}: all files are here ({describe_facts(read_model_facts(folder))}).", "Model")


def _check_disk(run: Run, folder: Path | None, remote: _Remote) -> Check:
    output = Path(run.output).expanduser() if run.output else runs_folder()
    while not output.exists() and output != output.parent:
        output = output.parent
    free = shutil.disk_usage(output).free
    weights = read_model_facts(folder).size if folder else remote.download_bytes
    if weights is None:
        return Check("Disk", LATER, f"{format_bytes(free)} free; what the run needs is known after the download.")
    # An adapter, its optimizer state and copies of both; full fine-tuning keeps the whole model.
    share = 4.0 if run.adapter.type == "full" else 0.15
    run_bytes = round(weights * share * (run.train.keep_checkpoints + 1)) + _FREE_SPACE
    # The cache may lie on another disk; where it does, this one has more room than is said here.
    download_bytes = 0 if folder else weights
    needed_bytes = run_bytes + download_bytes
    parts = f", {format_bytes(download_bytes)} of it for the download" if download_bytes else ""
    if free < run_bytes // 4 + download_bytes:
        words = f"{format_bytes(free)} free in {output}; about {format_bytes(needed_bytes)} may be needed{parts}."
        words += " Free some space or choose another folder for the run."
        return Check("Disk", BAD, words, "Settings", "Choose a folder…")
    state = GOOD if free > needed_bytes else NOTE
    return Check(
        "Disk",
        state,
        f"{format_bytes(free)} free; this run needs about {format_bytes(needed_bytes)} at most{parts}.",
        "Settings",
        "Choose a folder…",
    )


def _check_backend(device: dict[str, str]) -> Check:
    words = f"{device['requested']} → {device['used'].upper()}, {device['device']}: {device['reason']}."
    fell_back = device["requested"] not in ("auto", "ane", device["used"])
    return Check("Backend", NOTE if fell_back else GOOD, words, "Settings")


def _check_neural_engine(run: Run, folder: Path | None) -> Check:
    if run.backend not in ("auto", "ane"):
        return Check("Neural Engine", GOOD, f"Not used: the {run.backend.upper()} was asked for.", "Settings")
    may_be_used, words = core_calls.neural_engine_report(run, folder)
    state = NOTE if run.backend == "ane" and not may_be_used else GOOD
    return Check("Neural Engine", state, words, "Settings")


def _check_memory(run: Run, folder: Path | None, remote: _Remote) -> Check:
    estimate = memory_fit.estimate_memory({"": run}, remote.config).get("")
    if estimate is None:
        words = "Known after the download." if folder is None else "Cannot be estimated for this model: it is measured."
        return Check("Memory", LATER, words)
    if estimate.advice:
        return Check("Memory", NOTE, estimate.advice, "Settings")
    return Check(
        "Memory", GOOD, f"A step takes about {estimate.amount}: an estimate, which the run measures.", "Settings"
    )


def _check_precision(run: Run, device: str, folder: Path | None) -> Check:
    mode = run.model.quantization
    model_packing = read_model_facts(folder).quantized if folder else ""
    if mode != UNPACKED and model_packing:
        words = f"The model comes packed in {model_packing}; it cannot be packed as {MODES[mode].title} on top."
        return Check("Precision", BAD, words, "Settings")
    state, words = _describe_dtype(run, device)
    if model_packing:
        words = f"Weights in {model_packing}, as the model comes; computes in {words}"
    elif mode != UNPACKED:
        block = f"blocks of {MODES[mode].block}" if MODES[mode].block else "a scale for each row"
        double = ", scales packed too" if run.model.double_quantization else ""
        words = f"Weights in {MODES[mode].title}, {block}{double}, as asked; computes in {words}"
    return Check("Precision", state, words, "Settings")


def _describe_dtype(run: Run, device: str) -> tuple[str, str]:
    """(state, the precision of the arithmetic in words: requested → used, and the reason)."""
    dtype = run.model.dtype
    if dtype != "auto":
        slow = device == "cpu" and dtype != "float32"
        return NOTE if slow else GOOD, f"{dtype}: as asked" + ("; on a CPU float32 would be faster." if slow else ".")
    if device == "cpu":
        return GOOD, "auto → float32: the fastest precision on a CPU."
    if run.adapter.type == "full":
        return GOOD, "auto → float32: every weight is trained."
    return GOOD, "auto → the model's own."


def measure_run(run: Run, stop: threading.Event) -> "Iterator[Phase | Check]":
    """The check MEASURED of a run: phases while steps are taken, then its answer. `stop` ends it early."""
    if core_calls.find_model(run.model.path, run.model.revision) is None:
        yield Check(MEASURED, LATER, "Known after the download: the run measures its first steps.")
        return
    measuring = Walked(core_calls.measure_steps(run, stop))
    try:
        for event in measuring:
            if isinstance(event, Phase):
                yield event
    except UserError as error:
        yield Check(MEASURED, NOTE, use_labels(str(error), run.method), "Settings")
    else:
        found = measuring.value
        yield Check(
            MEASURED, GOOD, found.sentence(time.time()), time=from_measured(run, found.steps, found.seconds, found.rows)
        )
