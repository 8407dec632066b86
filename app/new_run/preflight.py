"""The checks of a run before it starts, one after the other. No Qt; belongs on a task's thread."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.desktop.machine import format_bytes
from app.new_run import goals, memory_fit, model_facts
from app.new_run.disabled_reasons import use_labels
from app.preview import dataset_reader
from app.runs.labels import data_label, model_label
from app.threads import core_calls
from core.data.check.fixes import placeholder_to_fill
from core.errors import Unavailable, UserError
from core.events import Phase, Walked
from core.quant.modes import MODES, UNPACKED
from core.run import Run, runs_folder

if TYPE_CHECKING:
    from core.data.preview.scan import FilePreview, ScanResult

GOOD, NOTE, BAD, LATER = "good", "warn", "bad", "later"
_SCAN_LIMIT = 256 << 20  # bytes of data up to which all rows are read for the checks, if they were not read before
_LARGE = 2 << 30  # bytes of data from which their rows need a lot of memory
_MEMORY_FACTOR = 3  # rows need so many times the size of their file in memory
_FEW_ROWS = 50  # enough to try, not enough to trust
_MEMORISED_ROWS, _MANY_EPOCHS = 500, 5  # fewer rows, gone through more often, are likely to be memorised
_HIGH, _LOW = 3.0, 100.0  # a learning rate is high above 3 times the usual one, low below a hundredth of it
_FREE_SPACE = 200 << 20  # bytes that should stay free whatever the model


@dataclass(frozen=True)
class Check:
    """The answer of one check.

    `step` is where it can be put right: "Data", "Problems" (of the data), "Model", "Settings" or ""; `fix` the words of
    the button that leads there.
    """

    title: str
    state: str  # GOOD, NOTE (start anyway), BAD (cannot start) or LATER (cannot be told before the start)
    sentence: str
    step: str = ""
    fix: str = ""

    @property
    def fix_words(self) -> str:
        """The words of the button that leads to where this is put right; "" where nothing is to be done."""
        return "" if self.state in (GOOD, LATER) or not self.step else self.fix or _FIXES[self.step]


_FIXES = {"Data": "Choose other data…", "Problems": "See the problems…", "Model": "Choose a model…",
          "Settings": "Change it…"}  # fmt: skip

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
        survey = _survey(run)
        head = survey.head
        yield _check_data(run, survey)
        yield _check_placeholders(survey)
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
        yield _check_tokens(run, head, tokenizer)
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


def _check_placeholders(survey: "_Survey") -> Check:
    title, scanned = "Placeholders", survey.scanned
    found = [finding for finding in survey.head.findings if finding.code == "placeholder"]
    count = scanned.problems.get("placeholder", 0) if scanned else len(found)
    if not count:
        words = "No text holds one that was to be filled in." if scanned else "The first rows hold none."
        return Check(title, GOOD, words)
    rows = scanned.index.rows if scanned else len(survey.head.examples)
    name = next(("{{" + placeholder_to_fill(finding) + "}}" for finding in found), "A placeholder")
    words = f"{name} stands in {count:,} of {rows:,} rows: the model would learn to write it."
    return Check(title, NOTE, words, "Problems", "Fill in…")


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


@dataclass(frozen=True)
class _Survey:
    """The first rows of the data, and the summary of all rows; None where there are too many to read them all."""

    head: "FilePreview"
    scanned: "ScanResult | None"


def _survey(run: Run) -> _Survey:
    from core.data.preview.scan import FilePreview, ScanResult

    items = list(dataset_reader.survey_data(run, _SCAN_LIMIT))
    head = next(item for item in items if isinstance(item, FilePreview))
    return _Survey(head, next((item for item in items if isinstance(item, ScanResult)), None))


def _check_data(run: Run, survey: _Survey) -> Check:
    name, scanned = data_label(run), survey.scanned
    if scanned is None:
        size = sum(Path(file).stat().st_size for file in survey.head.index.files)
        words = f"{name}: the first rows are in order; not all of its {format_bytes(size)} have been looked at."
        return Check("Data", NOTE if size > _LARGE else GOOD, words + _describe_memory(size), "Data")
    usable = scanned.usable
    rows = f"{name}: {usable:,} usable row{'' if usable == 1 else 's'}"
    if not usable:
        misfit = goals.find_misfit(run)
        words = f"{misfit.reason} {misfit.sentence}" if misfit else f"{name} has no row that can be used."
        return Check("Data", BAD, words, "Data")
    if scanned.left_out:
        words = (
            f"{name}: {scanned.left_out:,} of {scanned.left_out + usable:,} rows are left out; {usable:,} can be used."
        )
        return Check("Data", NOTE, words, "Problems")
    if usable < run.train.batch_size:
        return Check("Data", NOTE, f"{rows}, fewer than one batch of {run.train.batch_size}.", "Data")
    if usable < _FEW_ROWS:
        return Check("Data", NOTE, f"{rows}: enough to try, not enough to trust.", "Data")
    if usable < _MEMORISED_ROWS and (run.train.epochs or 0) > _MANY_EPOCHS:
        words = f"{rows}, seen {run.train.epochs:g} times: likely to be memorised."
        return Check("Data", NOTE, words, "Settings")
    return Check("Data", GOOD, f"{rows}.", "Data")


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
    return Check(
        "Model", GOOD, f"{name}: all files are here ({model_facts.read_model_facts(folder).sentence()}).", "Model"
    )


def _describe_memory(size: int) -> str:
    """The memory that a run over `size` bytes of data needs for its rows, where that is a lot."""
    return f" A run keeps all rows in memory: about {format_bytes(_MEMORY_FACTOR * size)}." if size > _LARGE else ""


def _check_tokens(run: Run, head: "FilePreview | None", tokenizer: Any) -> Check:
    """Encode the first rows, and count what is learned, cut, and left without anything to learn."""
    title = "What is learned"
    if head is None:
        return Check(title, LATER, "Can be told once the data can be read.")
    if tokenizer is None:
        return Check(title, LATER, "Known after the download.")
    from core.data.preview.lengths import UNLIMITED, example_lengths
    from core.data.tokenize.encoding import encode_examples  # brings in NumPy

    examples, limit = head.examples, run.data.max_seq_len
    if not examples:
        return Check(title, BAD, "No row can be used.", "Data")
    texts = encode_examples(examples, tokenizer, train_on=run.data.train_on, max_len=UNLIMITED)
    lengths, starts = example_lengths(texts, examples)
    empty_lines = [e.line for e, start in zip(examples, starts, strict=True) if start >= limit]
    truncated, longest = sum(length > limit for length in lengths), max(lengths)
    rows = f"{len(examples):,} row{'' if len(examples) == 1 else 's'} looked at"
    if len(empty_lines) == len(examples):
        return Check(title, BAD, f"No row has anything to learn within {limit:,} tokens.", "Settings")
    if empty_lines:
        first = f"the first: line {empty_lines[0]}"
        words = f"{len(empty_lines)} of {rows} have nothing to learn and are left out ({first})."
        return Check(title, NOTE, words, "Problems")
    if truncated:
        return Check(title, NOTE, f"{truncated} of {rows} are cut at {limit:,} tokens.", "Settings")
    if run.spec.on_policy:
        return Check(title, GOOD, f"{rows}: the longest question has {longest:,} tokens.")
    share = sum(int(t.mask.sum()) for row in texts for t in row) / sum(len(t.tokens) for row in texts for t in row)
    return Check(title, GOOD, f"{rows}: {share:.0%} of the tokens are learned; the longest has {longest:,}.")


def _check_disk(run: Run, folder: Path | None, remote: _Remote) -> Check:
    output = Path(run.output).expanduser() if run.output else runs_folder()
    while not output.exists() and output != output.parent:
        output = output.parent
    free = shutil.disk_usage(output).free
    weights = model_facts.read_model_facts(folder).size if folder else remote.download_bytes
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
    model_packing = model_facts.read_model_facts(folder).quantized if folder else ""
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
        yield Check(MEASURED, GOOD, measuring.value.sentence(time.time()))
