"""The checks of a run that ask the computer: memory, disk, backend, Neural Engine, precision, power. No Qt."""

import shutil
from pathlib import Path

from app.desktop.language import tr
from app.desktop.machine import format_bytes
from app.new_run import memory_fit
from app.new_run.check import BAD, GOOD, LATER, NOTE, Check
from app.new_run.remote_model import RemoteModel
from app.threads import core_calls
from app.threads.model_library import read_model_facts
from core.quant.modes import MODES, UNPACKED
from core.run import Run, runs_folder

_FREE_SPACE = 200 << 20  # bytes that should stay free whatever the model


def check_disk(run: Run, folder: Path | None, remote: RemoteModel) -> Check:
    """Whether the run and, where the model is not here, its download have room on the disk."""
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


def check_backend(device: dict[str, str]) -> Check:
    """Which backend was asked for and which is used, with the reason."""
    words = tr(
        "{requested} → {used}, {device}: {reason}.",
        requested=device["requested"],
        used=device["used"].upper(),
        device=device["device"],
        reason=device["reason"],
    )
    fell_back = device["requested"] not in ("auto", "ane", device["used"])
    return Check("backend", NOTE if fell_back else GOOD, words, "settings")


def check_neural_engine(run: Run, folder: Path | None) -> Check:
    """Whether the Neural Engine may compute the forward pass, and why not."""
    if run.backend not in ("auto", "ane"):
        return Check(
            "neural_engine", GOOD, tr("Not used: the {backend} was asked for.", backend=run.backend.upper()), "settings"
        )
    may_be_used, words = core_calls.neural_engine_report(run, folder)
    state = NOTE if run.backend == "ane" and not may_be_used else GOOD
    return Check("neural_engine", state, tr(words), "settings")


def check_memory(run: Run, folder: Path | None, remote: RemoteModel) -> Check:
    """What a step is estimated to take, and advice where it may not fit."""
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


def check_precision(run: Run, device: str, folder: Path | None) -> Check:
    """How the weights are packed and in which precision is computed: asked for, used, and why."""
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


def check_power() -> Check:
    """Whether the computer is plugged in, and whether it would go to sleep."""
    on_battery, sentences = core_calls.power_state()
    if sentences:
        return Check("power", NOTE, " ".join(sentences))
    words = (
        tr("This system does not tell what it runs on.") if on_battery is None else tr("The computer is plugged in.")
    )
    return Check("power", GOOD, words)
