"""What is looked at before a run starts, one answer at a time. No Qt; belongs on a task's thread."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import datasets, models, task
from app.draft import shown_data, shown_model
from app.machine import gigabytes
from core.errors import UserError
from core.events import Phase
from core.run import Run, runs_folder

if TYPE_CHECKING:
    from core.data.load import Dataset

GOOD, NOTE, BAD = "good", "warn", "bad"
_LOOKED_AT = 200  # rows whose tokens are counted
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


TITLES = ("Settings", "Data", "Model", "What is learned", "Disk", "Backend", "Precision")


def checks(run: Run) -> Iterator[Check]:
    """Every check of a run, in the order of TITLES. Never raises a UserError: it becomes a check that failed."""
    dataset, folder, tokenizer = None, None, None
    yield _settings(run)
    try:
        for item in datasets.read(run):
            if not isinstance(item, Phase):
                dataset = item
                yield _data(run, dataset)
    except UserError as error:
        yield Check("Data", BAD, str(error), "Data")
    try:
        folder = task.find_model(run.model.path, run.model.revision)
        yield _model(run, folder)
    except UserError as error:
        yield Check("Model", BAD, str(error), "Model")
    try:
        tokenizer = datasets.tokenizer(run, folder) if folder else None
        yield _learned(run, dataset, tokenizer)
    except UserError as error:
        yield Check("What is learned", BAD, str(error), "Model")
    yield _disk(run, folder)
    device = task.backend_report(run.backend)
    yield _backend(device)
    yield _precision(run, device["used"])


def _settings(run: Run) -> Check:
    try:
        run.check()
    except UserError as error:
        return Check("Settings", BAD, str(error), "Settings")
    rate, usual = run.train.learning_rate, run.usual_learning_rate
    if rate is not None and rate > _HIGH * usual:
        words = f"A learning rate of {rate:g} is high; {usual:g} is usual here. The loss may jump."
        return Check("Settings", NOTE, words, "Settings")
    if rate is not None and rate < usual / _LOW:
        words = f"A learning rate of {rate:g} is low; {usual:g} is usual here. The model will barely change."
        return Check("Settings", NOTE, words, "Settings")
    return Check("Settings", GOOD, "All settings agree with each other.", "Settings")


def _data(run: Run, dataset: "Dataset") -> Check:
    usable, name = len(dataset.examples), shown_data(run)
    rows = f"{name}: {usable:,} usable row{'' if usable == 1 else 's'}"
    left_out = sum(f.severity == "error" for f in dataset.findings)
    if left_out:
        return Check("Data", NOTE, f"{rows}; {left_out:,} left out, see the tab Problems.", "Data")
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
    lacking = task.missing_files(folder)
    if lacking:
        return Check("Model", BAD, f"{folder} is no complete model: {', '.join(lacking[:3])} is missing.", "Model")
    return Check("Model", GOOD, f"{name}: all files are here ({models.facts(folder).sentence()}).", "Model")


def _learned(run: Run, dataset: "Dataset | None", tokenizer: Any) -> Check:
    title = "What is learned"
    if dataset is None:
        return Check(title, NOTE, "Cannot be told before the data can be read.", "Data")
    if tokenizer is None:
        return Check(title, NOTE, "Can be told once the model is here.")
    from core.data.inspect import seen  # brings in NumPy

    rows = [
        seen(e, tokenizer, train_on=run.data.train_on, max_len=run.data.max_seq_len)
        for e in dataset.examples[:_LOOKED_AT]
    ]
    nothing = [r for r in rows if not r.learned]
    cut = sum(r.cut > 0 for r in rows)
    longest = max(r.count for r in rows)
    of = f"{len(rows):,} row{'' if len(rows) == 1 else 's'} looked at"
    if len(nothing) == len(rows):
        return Check(title, BAD, f"No row has anything to learn within {run.data.max_seq_len:,} tokens.", "Settings")
    if nothing:
        words = f"{len(nothing)} of {of} have nothing to learn and are left out (the first: line {nothing[0].line})."
        return Check(title, NOTE, words, "Data")
    if cut:
        return Check(title, NOTE, f"{cut} of {of} are cut at {run.data.max_seq_len:,} tokens.", "Settings")
    share = sum(r.learned for r in rows) / sum(r.count for r in rows)
    return Check(title, GOOD, f"{of}: {share:.0%} of the tokens are learned; the longest has {longest:,}.")


def _disk(run: Run, folder: Path | None) -> Check:
    place = Path(run.output).expanduser() if run.output else runs_folder()
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    weights = models.facts(folder).size if folder else 0
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


def _precision(run: Run, used: str) -> Check:
    asked = run.model.dtype
    if asked != "auto":
        slow = used == "cpu" and asked != "float32"
        words = f"{asked} → {asked}: as asked" + ("; on a CPU float32 would be faster." if slow else ".")
        return Check("Precision", NOTE if slow else GOOD, words, "Settings")
    if used == "cpu":
        return Check("Precision", GOOD, "auto → float32: the fastest precision on a CPU.", "Settings")
    if run.adapter.type == "full":
        return Check("Precision", GOOD, "auto → float32: every weight is trained.", "Settings")
    return Check("Precision", GOOD, "auto → the model's own.", "Settings")
