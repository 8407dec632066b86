"""What is looked at before a run starts, one answer at a time. No Qt; belongs on a task's thread."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from app.desktop.machine import gigabytes
from app.new_run import goals, memory_fit, model_facts
from app.new_run.disabled_reasons import in_words
from app.preview import dataset_reader
from app.runs.labels import shown_data, shown_model
from app.threads import core_calls
from core.errors import UserError
from core.events import Phase
from core.quant.modes import MODES, UNPACKED
from core.run import Run, runs_folder

if TYPE_CHECKING:
    from core.data.preview.scan import Head, Scanned

GOOD, NOTE, BAD = "good", "warn", "bad"
_LARGE = 256 << 20  # bytes of data that are read once more for the checks, if they were not read before
_LARGEST = 2 << 30  # bytes of data from which their rows need a lot of memory
_SPREAD = 3  # times the size of a file that its rows need in memory
_FEW = 50  # rows: enough to try, not enough to trust
_MEMORISED, _OFTEN = 500, 5  # fewer rows than this, gone through more often than that
_HIGH, _LOW = 3.0, 100.0  # times the usual learning rate, and a share of it
_ROOM = 200 << 20  # bytes that should stay free whatever the model


@dataclass(frozen=True)
class Check:
    """One answer. `step` is where it can be put right: "Data", "Model", "Settings" or ""."""

    title: str
    state: str  # GOOD, NOTE (start anyway) or BAD (cannot start)
    sentence: str
    step: str = ""


TITLES = ("Settings", "Data", "Model", "What is learned", "Memory", "Disk", "Backend", "Precision")


def checks(run: Run) -> Iterator[Check]:
    """Every check of a run, in the order of TITLES. Never raises a UserError: it becomes a check that failed."""
    head, folder, tokenizer = None, None, None
    yield _settings(run)
    try:
        *told, last = (item for item in dataset_reader.survey(run, _LARGE) if not isinstance(item, Phase))
        head = cast("Head", told[0] if told else last)
        yield _data(run, head, cast("Scanned", last) if told else None)
    except UserError as error:
        yield Check("Data", BAD, str(error), "Data")
    try:
        folder = core_calls.find_model(run.model.path, run.model.revision)
        yield _model(run, folder)
    except UserError as error:
        yield Check("Model", BAD, str(error), "Model")
    try:
        found = dataset_reader.tokenizer(run, folder) if folder else None
        tokenizer = found.tokenizer if found else None
        yield _learned(run, head, tokenizer)
    except UserError as error:
        yield Check("What is learned", BAD, str(error), "Model")
    yield _memory_needed(run)
    yield _disk(run, folder)
    device = core_calls.backend_report(run.backend)
    yield _backend(device)
    yield _precision(run, device["used"], folder)


def _settings(run: Run) -> Check:
    try:
        Run.from_dict(run.to_dict())  # built anew, a method's options are checked against each other as well
    except UserError as error:
        return Check("Settings", BAD, in_words(str(error), run.method), "Settings")
    if words := goals.lacking(run):
        return Check("Settings", BAD, words, "Model")
    rate, usual = run.train.learning_rate, run.usual_learning_rate
    if rate is not None and rate > _HIGH * usual:
        words = f"A learning rate of {rate:g} is high; {usual:g} is usual here. The loss may jump."
        return Check("Settings", NOTE, words, "Settings")
    if rate is not None and rate < usual / _LOW:
        words = f"A learning rate of {rate:g} is low; {usual:g} is usual here. The model will barely change."
        return Check("Settings", NOTE, words, "Settings")
    return Check("Settings", GOOD, "All settings agree with each other.", "Settings")


def _data(run: Run, head: "Head", scanned: "Scanned | None") -> Check:
    name = shown_data(run)
    if scanned is None:
        size = sum(Path(file).stat().st_size for file in head.index.files)
        words = f"{name}: the first rows are in order; not all of its {gigabytes(size)} have been looked at."
        return Check("Data", NOTE if size > _LARGEST else GOOD, words + _memory(size), "Data")
    usable = scanned.usable
    rows = f"{name}: {usable:,} usable row{'' if usable == 1 else 's'}"
    if not usable:
        return Check("Data", BAD, f"{name} has no row that can be used.", "Data")
    if scanned.left_out:
        return Check("Data", NOTE, f"{rows}; {scanned.left_out:,} left out, see the tab Problems.", "Data")
    if usable < run.train.batch_size:
        return Check("Data", NOTE, f"{rows}, fewer than one batch of {run.train.batch_size}.", "Data")
    if usable < _FEW:
        return Check("Data", NOTE, f"{rows}: enough to try, not enough to trust.", "Data")
    if usable < _MEMORISED and (run.train.epochs or 0) > _OFTEN:
        words = f"{rows}, seen {run.train.epochs:g} times: likely to be memorised."
        return Check("Data", NOTE, words, "Settings")
    return Check("Data", GOOD, f"{rows}.", "Data")


def _model(run: Run, folder: Path | None) -> Check:
    name = shown_model(run)
    if folder is None:
        return Check("Model", NOTE, f"{name} is not on this computer: the run begins by downloading it.", "Model")
    lacking = core_calls.missing_files(folder)
    if lacking:
        return Check("Model", BAD, f"{folder} is no complete model: {', '.join(lacking[:3])} is missing.", "Model")
    return Check("Model", GOOD, f"{name}: all files are here ({model_facts.facts(folder).sentence()}).", "Model")


def _memory(size: int) -> str:
    """What a run over so many bytes needs beside the model, once that is a lot."""
    return f" A run keeps all rows in memory: about {gigabytes(_SPREAD * size)}." if size > _LARGEST else ""


def _learned(run: Run, head: "Head | None", tokenizer: Any) -> Check:
    title = "What is learned"
    if head is None:
        return Check(title, NOTE, "Cannot be told before the data can be read.", "Data")
    if tokenizer is None:
        return Check(title, NOTE, "Can be told once the model is here.")
    from core.data.preview.lengths import UNLIMITED, of
    from core.data.tokenize.encoding import encode_all_rows  # brings in NumPy

    examples, most = head.examples, run.data.max_seq_len
    if not examples:
        return Check(title, BAD, "No row can be used.", "Data")
    texts = encode_all_rows(examples, tokenizer, train_on=run.data.train_on, max_len=UNLIMITED)
    lengths, starts = of(texts, examples)
    nothing = [e.line for e, start in zip(examples, starts, strict=True) if start >= most]
    cut, longest = sum(length > most for length in lengths), max(lengths)
    looked = f"{len(examples):,} row{'' if len(examples) == 1 else 's'} looked at"
    if len(nothing) == len(examples):
        return Check(title, BAD, f"No row has anything to learn within {most:,} tokens.", "Settings")
    if nothing:
        words = f"{len(nothing)} of {looked} have nothing to learn and are left out (the first: line {nothing[0]})."
        return Check(title, NOTE, words, "Data")
    if cut:
        return Check(title, NOTE, f"{cut} of {looked} are cut at {most:,} tokens.", "Settings")
    if run.spec.on_policy:
        return Check(title, GOOD, f"{looked}: the longest question has {longest:,} tokens.")
    share = sum(int(t.mask.sum()) for row in texts for t in row) / sum(len(t.tokens) for row in texts for t in row)
    return Check(title, GOOD, f"{looked}: {share:.0%} of the tokens are learned; the longest has {longest:,}.")


def _disk(run: Run, folder: Path | None) -> Check:
    place = Path(run.output).expanduser() if run.output else runs_folder()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    weights = model_facts.facts(folder).size if folder else 0
    # An adapter, its optimizer state and copies of both; full fine-tuning keeps the whole model.
    share = 4.0 if run.adapter.type == "full" else 0.15
    needed = round(weights * share * (run.train.keep_checkpoints + 1)) + _ROOM
    if free < needed // 4:
        words = f"{gigabytes(free)} free in {place}; about {gigabytes(needed)} may be needed."
        return Check("Disk", BAD, words + " Free some space or choose another folder for the run.", "Settings")
    state = GOOD if free > needed else NOTE
    return Check(
        "Disk", state, f"{gigabytes(free)} free; this run needs about {gigabytes(needed)} at most.", "Settings"
    )


def _backend(device: dict[str, str]) -> Check:
    words = f"{device['requested']} → {device['used'].upper()}, {device['device']}: {device['reason']}."
    fell_back = device["requested"] not in ("auto", device["used"])
    return Check("Backend", NOTE if fell_back else GOOD, words, "Settings")


def _memory_needed(run: Run) -> Check:
    found = memory_fit.fits({"": run}).get("")
    if found is None:
        return Check("Memory", GOOD, "Can be told once the model is here.")
    if found.advice:
        return Check("Memory", NOTE, found.advice, "Settings")
    return Check("Memory", GOOD, f"A step takes about {found.words}: an estimate, which the run measures.", "Settings")


def _precision(run: Run, used: str, folder: Path | None) -> Check:
    mode, own = run.model.quantization, model_facts.facts(folder).quantized if folder else ""
    if mode != UNPACKED and own:
        words = f"The model comes packed in {own}; it cannot be packed as {MODES[mode].title} on top."
        return Check("Precision", BAD, words, "Settings")
    state, words = _computes(run, used)
    if own:
        words = f"Weights in {own}, as the model comes; computes in {words}"
    elif mode != UNPACKED:
        block = f"blocks of {MODES[mode].block}" if MODES[mode].block else "a scale for each row"
        double = ", scales packed too" if run.model.double_quantization else ""
        words = f"Weights in {MODES[mode].title}, {block}{double}, as asked; computes in {words}"
    return Check("Precision", state, words, "Settings")


def _computes(run: Run, used: str) -> tuple[str, str]:
    """(state, what it computes in: asked → used: why)."""
    asked = run.model.dtype
    if asked != "auto":
        slow = used == "cpu" and asked != "float32"
        return NOTE if slow else GOOD, f"{asked}: as asked" + ("; on a CPU float32 would be faster." if slow else ".")
    if used == "cpu":
        return GOOD, "auto → float32: the fastest precision on a CPU."
    if run.adapter.type == "full":
        return GOOD, "auto → float32: every weight is trained."
    return GOOD, "auto → the model's own."
