"""The checks of a run before it starts, one after the other. No Qt; belongs on a task's thread."""

import datetime
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.desktop.language import localize, tr, tr_count
from app.desktop.machine import format_bytes
from app.new_run import goals, memory_fit
from app.new_run.check import BAD, GOOD, LATER, MEASURED, NOTE, Check, StepFacts
from app.new_run.data_checks import check_data, check_placeholders, check_tokens, survey
from app.new_run.disabled_reasons import use_labels
from app.new_run.model_facts import describe_facts
from app.new_run.step_times import from_measured
from app.preview import dataset_reader
from app.runs.labels import model_label
from app.runs.status_text import format_duration
from app.threads import core_calls
from app.threads.model_library import read_model_facts
from core.errors import Unavailable, UserError
from core.events import Phase, Walked
from core.quant.modes import MODES, UNPACKED
from core.run import Run, runs_folder

_HIGH, _LOW = 3.0, 100.0  # a learning rate is high above 3 times the usual one, low below a hundredth of it
_FREE_SPACE = 200 << 20  # bytes that should stay free whatever the model


def run_checks(run: Run) -> Iterator[Check]:
    """Every check of TITLES but MEASURED. Never raises a UserError: it becomes a check that failed."""
    head, folder, tokenizer = None, None, None
    yield _check_settings(run)
    try:
        rows = survey(run)
        head = rows.head
        yield check_data(run, rows)
        yield check_placeholders(rows)
    except UserError as error:
        yield Check("data", BAD, tr(str(error)), "data")
        yield Check("placeholders", LATER, tr("Can be told once the data can be read."))
    remote = _Remote()
    try:
        folder = core_calls.find_model(run.model.path, run.model.revision)
        if folder is None:
            remote = _ask_hub(run)
        yield _check_model(run, folder, remote)
    except UserError as error:
        yield Check("model", BAD, tr(str(error)), "model")
    try:
        loaded = dataset_reader.load_run_tokenizer(run, folder) if folder else None
        tokenizer = loaded.tokenizer if loaded else None
        yield check_tokens(run, head, tokenizer)
    except UserError as error:
        yield Check("learned", BAD, tr(str(error)), "model")
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
        return Check("power", NOTE, " ".join(sentences))
    words = (
        tr("This system does not tell what it runs on.") if on_battery is None else tr("The computer is plugged in.")
    )
    return Check("power", GOOD, words)


def _check_settings(run: Run) -> Check:
    try:
        Run.from_dict(run.to_dict())  # built anew, a method's options are checked against each other as well
    except UserError as error:
        return Check("settings", BAD, use_labels(tr(str(error)), run.method), "settings")
    if words := goals.missing_model_reason(run):
        return Check("settings", BAD, words, "model")
    lr, usual = run.train.learning_rate, run.usual_learning_rate
    if lr is not None and lr > _HIGH * usual:
        words = tr("A learning rate of {lr:g} is high; {usual:g} is usual here. The loss may jump.", lr=lr, usual=usual)
        return Check("settings", NOTE, words, "settings")
    if lr is not None and lr < usual / _LOW:
        words = tr(
            "A learning rate of {lr:g} is low; {usual:g} is usual here. The model will barely change.",
            lr=lr,
            usual=usual,
        )
        return Check("settings", NOTE, words, "settings")
    return Check("settings", GOOD, tr("All settings agree with each other."), "settings")


def _check_model(run: Run, folder: Path | None, remote: _Remote) -> Check:
    name = model_label(run)
    if folder is None and remote.problem:
        words = tr(
            "{name} is not on this computer, and its download may fail: {problem}", name=name, problem=remote.problem
        )
        return Check("model", NOTE, words, "model")
    if folder is None:
        size = format_bytes(remote.download_bytes or 0)
        return Check(
            "model",
            NOTE,
            tr("{name} is not on this computer: the run begins by downloading {size}.", name=name, size=size),
            "model",
        )
    missing = core_calls.missing_files(folder)
    if missing:
        return Check(
            "model",
            BAD,
            tr("{folder} is no complete model: {missing} is missing.", folder=folder, missing=", ".join(missing[:3])),
            "model",
        )
    if note := core_calls.tied_head_note(folder):
        return Check("model", NOTE, note, "model")
    facts = describe_facts(read_model_facts(folder))
    return Check("model", GOOD, tr("{name}: all files are here ({facts}).", name=name, facts=facts), "model")


def _check_disk(run: Run, folder: Path | None, remote: _Remote) -> Check:
    output = Path(run.output).expanduser() if run.output else runs_folder()
    while not output.exists() and output != output.parent:
        output = output.parent
    free = shutil.disk_usage(output).free
    weights = read_model_facts(folder).size if folder else remote.download_bytes
    if weights is None:
        return Check(
            "disk", LATER, tr("{free} free; what the run needs is known after the download.", free=format_bytes(free))
        )
    # An adapter, its optimizer state and copies of both; full fine-tuning keeps the whole model.
    share = 4.0 if run.adapter.type == "full" else 0.15
    run_bytes = round(weights * share * (run.train.keep_checkpoints + 1)) + _FREE_SPACE
    # The cache may lie on another disk; where it does, this one has more room than is said here.
    download_bytes = 0 if folder else weights
    needed_bytes = run_bytes + download_bytes
    parts = tr(", {size} of it for the download", size=format_bytes(download_bytes)) if download_bytes else ""
    if free < run_bytes // 4 + download_bytes:
        words = tr(
            "{free} free in {folder}; about {needed} may be needed{parts}.",
            free=format_bytes(free),
            folder=output,
            needed=format_bytes(needed_bytes),
            parts=parts,
        )
        words += tr(" Free some space or choose another folder for the run.")
        return Check("disk", BAD, words, "settings", tr("Choose a folder…"))
    state = GOOD if free > needed_bytes else NOTE
    return Check(
        "disk",
        state,
        tr(
            "{free} free; this run needs about {needed} at most{parts}.",
            free=format_bytes(free),
            needed=format_bytes(needed_bytes),
            parts=parts,
        ),
        "settings",
        tr("Choose a folder…"),
    )


def _check_backend(device: dict[str, str]) -> Check:
    words = tr(
        "{requested} → {used}, {device}: {reason}.",
        requested=device["requested"],
        used=device["used"].upper(),
        device=device["device"],
        reason=device["reason"],
    )
    fell_back = device["requested"] not in ("auto", "ane", device["used"])
    return Check("backend", NOTE if fell_back else GOOD, words, "settings")


def _check_neural_engine(run: Run, folder: Path | None) -> Check:
    if run.backend not in ("auto", "ane"):
        return Check(
            "neural_engine", GOOD, tr("Not used: the {backend} was asked for.", backend=run.backend.upper()), "settings"
        )
    may_be_used, words = core_calls.neural_engine_report(run, folder)
    state = NOTE if run.backend == "ane" and not may_be_used else GOOD
    return Check("neural_engine", state, tr(words), "settings")


def _check_memory(run: Run, folder: Path | None, remote: _Remote) -> Check:
    estimate = memory_fit.estimate_memory({"": run}, remote.config).get("")
    if estimate is None:
        words = (
            tr("Known after the download.")
            if folder is None
            else tr("Cannot be estimated for this model: it is measured.")
        )
        return Check("memory", LATER, words)
    if estimate.advice:
        return Check("memory", NOTE, tr(estimate.advice), "settings")
    return Check(
        "memory",
        GOOD,
        tr("A step takes about {amount}: an estimate, which the run measures.", amount=estimate.amount),
        "settings",
    )


def _check_precision(run: Run, device: str, folder: Path | None) -> Check:
    mode = run.model.quantization
    model_packing = read_model_facts(folder).quantized if folder else ""
    if mode != UNPACKED and model_packing:
        words = tr(
            "The model comes packed in {packing}; it cannot be packed as {title} on top.",
            packing=model_packing,
            title=tr(MODES[mode].title),
        )
        return Check("precision", BAD, words, "settings")
    state, words = _describe_dtype(run, device)
    if model_packing:
        words = tr("Weights in {packing}, as the model comes; computes in {dtype}", packing=model_packing, dtype=words)
    elif mode != UNPACKED:
        block = tr("blocks of {block}", block=MODES[mode].block) if MODES[mode].block else tr("a scale for each row")
        double = tr(", scales packed too") if run.model.double_quantization else ""
        words = tr(
            "Weights in {title}, {block}{double}, as asked; computes in {dtype}",
            title=tr(MODES[mode].title),
            block=block,
            double=double,
            dtype=words,
        )
    return Check("precision", state, words, "settings")


def _describe_dtype(run: Run, device: str) -> tuple[str, str]:
    """(state, the precision of the arithmetic in words: requested → used, and the reason)."""
    dtype = run.model.dtype
    if dtype != "auto":
        slow = device == "cpu" and dtype != "float32"
        return NOTE if slow else GOOD, tr("{dtype}: as asked", dtype=dtype) + (
            tr("; on a CPU float32 would be faster.") if slow else "."
        )
    if device == "cpu":
        return GOOD, tr("auto → float32: the fastest precision on a CPU.")
    if run.adapter.type == "full":
        return GOOD, tr("auto → float32: every weight is trained.")
    return GOOD, tr("auto → the model's own.")


def _format_seconds(seconds: float) -> str:
    return localize(f"{max(seconds, 0.01):.2g} s") if seconds < 9.95 else format_duration(seconds)


def _describe_measured(steps: int, step_seconds: float, seconds: float, peak_memory_bytes: int) -> str:
    now = time.time()
    start, end = (datetime.datetime.fromtimestamp(moment) for moment in (now, now + seconds))
    days = (end.date() - start.date()).days
    return tr_count(
        "A step took {step} and {memory} of memory: {count} step takes about {time}, until {end} if started now.",
        "A step took {step} and {memory} of memory: {count:,} steps take about {time}, until {end} if started now.",
        steps,
        step=_format_seconds(step_seconds),
        memory=format_bytes(peak_memory_bytes),
        time=_format_seconds(seconds),
        end=tr("{end:%H:%M}", end=end)
        if days == 0
        else tr("tomorrow {end:%H:%M}", end=end)
        if days == 1
        else tr("{end:%d %b %H:%M}", end=end),
    )


def measure_run(run: Run, stop: threading.Event) -> "Iterator[Phase | Check]":
    """The check MEASURED of a run: phases while steps are taken, then its answer. `stop` ends it early."""
    if core_calls.find_model(run.model.path, run.model.revision) is None:
        yield Check(MEASURED, LATER, tr("Known after the download: the run measures its first steps."))
        return
    measuring = Walked(core_calls.measure_steps(run, stop))
    try:
        for event in measuring:
            if isinstance(event, Phase):
                yield event
    except UserError as error:
        yield Check(MEASURED, NOTE, use_labels(tr(str(error)), run.method), "settings")
    else:
        found = measuring.value
        yield Check(
            MEASURED,
            GOOD,
            _describe_measured(found.steps, found.step_seconds, found.seconds, found.peak_memory_bytes),
            time=from_measured(run, found.steps, found.seconds, found.rows),
            step_facts=StepFacts(found.step_seconds, rows_of_a_step(run), found.trained_parameters),
        )


def rows_of_a_step(run: Run) -> int:
    """The rows that an optimizer step learns from."""
    return run.train.batch_size * run.train.gradient_accumulation_steps
