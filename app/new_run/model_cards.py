"""The models to choose from, as the texts of cards. No Qt; finding them belongs on a task's thread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.desktop.language import localize, tr
from app.desktop.machine import format_bytes
from app.new_run.memory_fit import TOO_BIG, MemoryFit, estimate_models
from app.new_run.model_facts import describe_facts
from app.threads import model_library
from app.threads.core_calls import UNSUPPORTED, family_support
from app.threads.model_library import HUB, LM_STUDIO, HubModel, LocalModel, Recommended
from core import resources
from core.run import STARTER, Run


@dataclass(frozen=True)
class ModelCard:
    """The texts of a model's card. `refused` says why the model cannot be trained, or is ""."""

    path: str  # model.path of a run
    title: str
    text: str
    detail: str = ""
    corner: str = ""
    refused: str = ""


@dataclass(frozen=True)
class ModelChoices:
    """What the Model page offers before anything is searched."""

    local: list[ModelCard]
    recommended: list[ModelCard]
    problems: tuple[str, ...]
    fits: dict[str, MemoryFit] = field(default_factory=dict)  # by model.path


def find_choices(run: Run, folders: Sequence[str]) -> ModelChoices:
    """The models on this computer and the recommended ones, with the memory that the run would take with each."""
    found = model_library.find_models(folders)
    candidates = model_library.candidates(run.spec.on_policy)
    here = {model.facts.path for model in found.models}
    shapes: dict[str, Path | dict[str, Any]] = {STARTER: resources.STARTER}
    shapes |= {model.id: dict(model.config) for model in candidates}
    shapes |= {model.facts.path: model.folder for model in found.models}
    fits = estimate_models(run, shapes)
    return ModelChoices(
        [describe_local(model) for model in found.models], recommend(candidates, fits, here), found.problems, fits
    )


def recommend(candidates: Sequence[Recommended], fits: Mapping[str, MemoryFit], here: set[str]) -> list[ModelCard]:
    """Small, medium and the best of those that fit; the smallest where none does. Empty where nothing is known."""
    known = [model for model in candidates if model.id in fits]
    fitting = [model for model in known if fits[model.id].state != TOO_BIG] or known[:1]
    chosen = model_library.pick_three(fitting)
    labels = [tr("Small"), tr("Medium"), tr("Best that fits")]
    if len(chosen) < 3:
        del labels[1]
    if len(chosen) == 1:
        del labels[0 if fits[chosen[0].id].state != TOO_BIG else 1]
    return [_describe_recommended(m, label, m.id in here) for m, label in zip(chosen, labels, strict=False)]


def _describe_recommended(model: Recommended, label: str, is_here: bool) -> ModelCard:
    size = format_bytes(model.download_bytes)
    text = tr("On this computer") if is_here else tr("{size} to download once", size=size)
    return ModelCard(model.id, model.title, f"{text}\n{model.license}", corner=label)


def describe_local(model: LocalModel) -> ModelCard:
    """A model on this computer."""
    facts = model.facts
    support, sentence = family_support(facts.architecture)
    places = {HUB: tr("Downloaded from Hugging Face."), LM_STUDIO: tr("In LM Studio's folder.")}
    detail = places.get(model.place, facts.path)
    refused = sentence if support == UNSUPPORTED else ""
    return ModelCard(
        facts.path,
        facts.name,
        describe_facts(facts),
        detail if refused else f"{detail} {sentence}".strip(),
        "",
        refused,
    )


def describe_found(model: HubModel) -> ModelCard:
    """A model that a search on the Hub has found."""
    support, sentence = family_support(model.architecture) if model.architecture else ("", "")
    count = localize(model_library.format_count(model.parameters)) if model.parameters else ""
    parts = [
        format_bytes(model.size) if model.size else tr("size not known"),
        tr("{count} parameters", count=count) if count else "",
        model.architecture,
        model.quantized,
        "" if model.chat_template else tr("no chat template"),
        model.license or tr("licence not named"),
    ]
    downloads = tr("{number} downloads last month", number=localize(f"{model.downloads:,}"))
    detail = tr("{downloads}. Gated: its terms have to be accepted first.", downloads=downloads)
    return ModelCard(
        model.id,
        model.id,
        " · ".join(part for part in parts if part),
        detail if model.gated else downloads,
        tr("gated") if model.gated else "",
        sentence if support == UNSUPPORTED else "",
    )
