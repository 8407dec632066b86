"""Runs beside each other: labels that tell them apart, settings that differ, answers to the same questions. No Qt."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.desktop.language import tr
from app.runs import history
from app.runs.record import RunRecord
from app.runs.settings_text import GROUP_TITLES, describe_value, get_value, list_options
from core.errors import BadOption
from core.events import Sample
from core.options import Option
from core.run import Run
from core.run.folder import RunFolder

_MAX_CELL = 300  # characters of a value
_NAMED_BY_HONE = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)(\d\d)-")
_PATHS = ("model.path", "data.path", "data.eval_path")  # shown by their names where those differ
# Where resolved.json says under another name what an option came to.
_USED = {
    "backend": ("backend", "used"),
    "model.dtype": ("precision", "compute"),
    "train.gradient_checkpointing": ("memory", "gradient_checkpointing"),
}


@dataclass(frozen=True)
class ComparedRun:
    """A run as it was asked for, as it was carried out, and what came of it."""

    label: str
    folder: Path
    run: Run
    record: RunRecord
    resolved: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """A setting that is not the same in all runs: a value for each, in their order."""

    group: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A prompt and each run's latest answer to it; None where a run was not asked."""

    prompt: str
    expected: str
    answers: tuple[Sample | None, ...]


def read_runs(folders: Iterable[Path]) -> list[ComparedRun]:
    """Read the runs of these folders. Raises BadOption where one cannot be read."""
    entries = []
    for folder in folders:
        entry = history.read_entry(folder)
        if entry is None:
            raise BadOption(tr("{folder} holds no run any more.", folder=folder))
        entries.append(entry)
    labels = make_labels([(entry.title, entry.folder) for entry in entries])
    return [
        ComparedRun(
            label,
            entry.folder,
            Run.read(entry.folder / "run.toml"),
            history.read_record(entry.folder),
            RunFolder(entry.folder).read_resolved(),
        )
        for label, entry in zip(labels, entries, strict=True)
    ]


def make_labels(titles: Sequence[tuple[str, Path]]) -> list[str]:
    """A label for each run, given as (title, folder): with the time or the folder's name where titles are the same."""
    names = [title for title, _ in titles]
    labels: list[str] = []
    for title, folder in titles:
        stamp = _NAMED_BY_HONE.match(folder.name)
        more = f"{stamp[1]} {stamp[2]}:{stamp[3]}:{stamp[4]}" if stamp else folder.name
        # What tells them apart comes first: it is there also where the end is cut off.
        label = title if names.count(title) == 1 else f"{more}, {title}"
        labels.append(label if label not in labels else f"{label} ({labels.count(label) + 1})")
    return labels


def list_differences(runs: Sequence[ComparedRun]) -> list[Difference]:
    """The settings of which not all runs used the same value, in the order of the form."""
    options: dict[str, Option] = {}
    for compared in runs:
        options |= {key: option for key, option in list_options(compared.run.method) if key not in options}
    differences = []
    for key, option in options.items():
        if key == "output":
            continue
        used = [_used_value(compared, key) for compared in runs]
        if any(value != used[0] for value in used[1:]):
            words = [_describe(compared, key, option, value) for compared, value in zip(runs, used, strict=True)]
            if key in _PATHS and len({Path(word).name for word in words}) == len(set(words)):
                words = [Path(word).name for word in words]
            differences.append(Difference(GROUP_TITLES[key.rpartition(".")[0]], option.label, tuple(words)))
    return differences + _other_differences(runs)


def list_questions(runs: Sequence[ComparedRun]) -> list[Question]:
    """The prompts that two runs or more have answered, with each run's latest answer after training began."""
    answers: dict[str, dict[int, Sample]] = {}
    for number, compared in enumerate(runs):
        for samples in compared.record.samples.values():
            latest = next((sample for sample in reversed(samples) if sample.stage != "before"), None)
            if latest is not None:
                answers.setdefault(latest.prompt, {})[number] = latest
    return [
        Question(
            prompt,
            next((sample.expected for sample in by_run.values() if sample.expected), ""),
            tuple(by_run.get(number) for number in range(len(runs))),
        )
        for prompt, by_run in answers.items()
        if len(by_run) > 1
    ]


def _used_value(compared: ComparedRun, key: str) -> Any:
    """What an option came to in a run, or what was asked where resolved.json does not say."""
    section, _, name = key.rpartition(".")
    place = _USED.get(key, (section, name))
    part = compared.resolved.get(place[0])
    asked = get_value(compared.run, key)
    value = part.get(place[1]) if isinstance(part, dict) and key not in ("model.path", "data.path") else None
    if isinstance(value, dict):  # what is used, with the reason
        value = value.get("used")
    if value is None:
        return asked
    return tuple(value) if isinstance(value, list) else value


def _describe(compared: ComparedRun, key: str, option: Option, value: Any) -> str:
    try:
        text = describe_value(compared.run, key, option, value)
    except (TypeError, ValueError):  # of a resolved.json that was changed by hand
        text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CELL else text[:_MAX_CELL] + "…"


def _other_differences(runs: Sequence[ComparedRun]) -> list[Difference]:
    """What is no setting and still makes runs differ: the rows themselves, and the versions that trained."""
    facts: list[tuple[str, str, list[str]]] = [
        (tr("Data"), tr("Contents of the dataset"), [_fact(c, "data", "sha256")[:8] for c in runs]),
        (tr("Data"), tr("Rows learned from"), [_fact(c, "data", "rows") for c in runs]),
    ]
    for name in ("hone", "mlx", "mlx-lm"):
        facts.append((tr("Made with"), name, [_fact(c, "versions", name) for c in runs]))
    return [
        Difference(group, label, tuple(value or "–" for value in values))
        for group, label, values in facts
        if len({value for value in values if value}) > 1
    ]


def _fact(compared: ComparedRun, section: str, name: str) -> str:
    part = compared.resolved.get(section)
    value = part.get(name) if isinstance(part, dict) else None
    return "" if value is None else str(value)
