"""Calls of background work into core.export: what a result can become, and making it. Each belongs on a task's thread
(app.threads.task)."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.desktop.language import tr
from app.threads.core_calls import adapter_base
from core.events import Event, Saved


@dataclass(frozen=True)
class ExportForm:
    """One form in which a target can be written; `refusal` says why it cannot be here, or is ""."""

    name: str
    refusal: str = ""


@dataclass(frozen=True)
class ExportChoice:
    """One target for one result; `refusal` says why it cannot be made, or is ""."""

    target: str
    title: str
    sentence: str
    forms: tuple[ExportForm, ...] = ()
    refusal: str = ""
    name: str = ""  # what it would be called in Ollama


@dataclass(frozen=True)
class ExportSource:
    """A result that can be used: the place of its base on this computer, "" where it is not here, and its targets."""

    base: str
    choices: tuple[ExportChoice, ...]


@dataclass(frozen=True)
class ExportJob:
    """One export that a person has asked for."""

    source: Path  # the folder of a run or of any adapter
    target: str
    output: str = ""  # "" where the target has a place of its own
    form: str = ""
    backend: str = "auto"
    name: str = ""  # in Ollama
    system: str = ""  # the system message there
    public: bool = False  # on the Hub: everybody may read it
    name_data: bool = False  # on the Hub: the card names the data
    overwrite: bool = False  # on the Hub: replace what is there


@dataclass(frozen=True)
class Command:
    """What a person can type elsewhere to finish an export."""

    text: str


def inspect_source(source: Path) -> ExportSource:
    """What the result in a folder can become: a run's, or any adapter's. Raises BadModel where it is none."""
    from core.errors import BadModel
    from core.export.refusals import find_form_refusal, find_refusal
    from core.export.request import ExportRequest
    from core.export.targets import TARGETS
    from core.export.to_ollama import ollama_name
    from core.model import hub

    request = ExportRequest(str(source))
    if not request.is_adapter:
        raise BadModel(tr("{source} holds no adapter.", source=source))
    choices = tuple(
        ExportChoice(
            name,
            target.title,
            target.sentence,
            tuple(ExportForm(form, find_form_refusal(form)) for form in target.forms),
            find_refusal(request, name),
            ollama_name(source.name),
        )
        for name, target in TARGETS.items()
    )
    try:
        base = hub.locate(adapter_base(source))
    except BadModel:  # which the refusals tell
        base = None
    return ExportSource(str(base or ""), choices)


def export(job: ExportJob) -> Generator[Event | Command, None, None]:
    """Carry out an export, and yield the events of it, with a Command where something is left to do. Raises UserError.

    Code that comes with the model runs where that was allowed before, see core.trust.
    """
    from core.export import to_ollama
    from core.export.programs import find_program
    from core.export.request import ExportRequest
    from core.export.targets import export

    settings: dict[str, Any] = {
        "name": job.name, "system": job.system, "public": job.public, "name_data": job.name_data,
        "overwrite": job.overwrite,
    }  # fmt: skip
    request = ExportRequest(str(job.source), job.output, job.form, backend_name=job.backend, settings=settings)
    for event in export(request, job.target):
        yield event
        if isinstance(event, Saved) and job.target == "ollama" and find_program("ollama") is None:
            name = job.name or to_ollama.ollama_name(request.name)
            yield Command(to_ollama.create_command(name, Path(event.path)))
