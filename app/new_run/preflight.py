"""The checks of a run before it starts, one after the other. No Qt; belongs on a task's thread."""

from collections.abc import Iterator
from pathlib import Path

from app.desktop.language import tr
from app.desktop.machine import format_bytes
from app.new_run import goals, machine_checks
from app.new_run.check import BAD, GOOD, LATER, NOTE, Check
from app.new_run.data_checks import check_data, check_placeholders, check_tokens, survey
from app.new_run.disabled_reasons import find_reasons, use_labels
from app.new_run.model_facts import describe_facts
from app.new_run.remote_model import RemoteModel, ask_hub
from app.preview import dataset_reader
from app.runs.labels import model_label
from app.threads import core_calls
from app.threads.model_library import read_model_facts
from core.errors import UserError
from core.run import Run
from core.run.idle import idle_settings

_HIGH, _LOW = 3.0, 100.0  # a learning rate is high above 3 times the usual one, low below a hundredth of it


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
    remote = RemoteModel()
    try:
        folder = core_calls.find_model(run.model.path, run.model.revision)
        if folder is None:
            remote = ask_hub(run)
        yield _check_model(run, folder, remote)
    except UserError as error:
        yield Check("model", BAD, tr(str(error)), "model")
    try:
        loaded = dataset_reader.load_run_tokenizer(run, folder) if folder else None
        tokenizer = loaded.tokenizer if loaded else None
        yield check_tokens(run, head, tokenizer)
    except UserError as error:
        yield Check("learned", BAD, tr(str(error)), "model")
    yield machine_checks.check_memory(run, folder, remote)
    yield machine_checks.check_disk(run, folder, remote)
    device = core_calls.backend_report(run.backend)
    yield machine_checks.check_backend(device)
    yield machine_checks.check_neural_engine(run, folder)
    yield machine_checks.check_precision(run, device["used"], folder)
    yield machine_checks.check_power()


def _check_settings(run: Run) -> Check:
    try:
        Run.from_dict(run.to_dict())  # built anew, a method's options are checked against each other as well
    except UserError as error:
        return Check("settings", BAD, use_labels(str(error), run.method), "settings")
    if words := goals.missing_model_reason(run):
        return Check("settings", BAD, words, "model")
    if getattr(run.options, "teacher", "") == run.model.path and not run.adapter.init:
        words = tr("The teacher is the very model that is to learn: it has nothing to learn from it.")
        return Check("settings", NOTE, words, "model")
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
    disabled = find_reasons(run)  # their fields say so themselves
    for key, sentence in idle_settings(run):
        if "" not in disabled.get(key, {}):
            return Check("settings", NOTE, use_labels(sentence, run.method), "settings")
    return Check("settings", GOOD, tr("All settings agree with each other."), "settings")


def _check_model(run: Run, folder: Path | None, remote: RemoteModel) -> Check:
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
    core_calls.check_model_folder(folder)
    if note := core_calls.tied_head_note(folder):
        return Check("model", NOTE, note, "model")
    facts = describe_facts(read_model_facts(folder))
    return Check("model", GOOD, tr("{name}: all files are here ({facts}).", name=name, facts=facts), "model")
