"""What is known of the chosen model before its run: its facts, what is missing, or what its download takes. No Qt."""

from dataclasses import dataclass

from app.desktop.language import tr
from app.desktop.machine import format_bytes
from app.new_run.memory_fit import MemoryFit, estimate_models
from app.new_run.model_facts import describe_facts
from app.threads.core_calls import UNSUPPORTED, check_model_folder, family_support, find_model, remote_model
from app.threads.model_library import read_model_facts
from core.errors import BadModel, Gated, Unavailable
from core.run import Run

GATED = tr("Gated: accept its terms on its page, and keep an access token of yours here. Then try again.")


@dataclass(frozen=True)
class CheckedModel:
    """The chosen model: what is known of it, or, where it is not on this computer, what its download takes."""

    text: str
    detail: str
    fit: MemoryFit | None
    is_here: bool = True
    page: str = ""  # where its terms can be accepted, if it is gated


def check_model(run: Run) -> CheckedModel:
    """Raises BadModel for a model that cannot be used, or is nowhere."""
    path, revision = run.model.path, run.model.revision
    folder = find_model(path, revision)
    if folder is None:
        return _check_remote(run)
    facts = read_model_facts(folder, path)
    support, sentence = family_support(facts.architecture)
    if support == UNSUPPORTED:
        raise BadModel(sentence)
    check_model_folder(folder)
    return CheckedModel(describe_facts(facts), sentence, estimate_models(run, {path: folder}).get(path))


def _check_remote(run: Run) -> CheckedModel:
    path = run.model.path
    later = tr("Not on this computer yet: it is downloaded when the run starts.")
    try:
        size, config = remote_model(path, run.model.revision)
    except Gated as error:  # its terms can be accepted until the run starts
        return CheckedModel(GATED, "", None, is_here=False, page=error.url)
    except Unavailable as error:  # no network now: the run would tell it again
        return CheckedModel(later, tr(str(error)), None, is_here=False)
    support, sentence = family_support(str(config.get("model_type") or ""))
    if support == UNSUPPORTED:
        raise BadModel(sentence)
    text = tr("{size} to download: at once, or when the run starts.", size=format_bytes(size))
    return CheckedModel(text, sentence, estimate_models(run, {path: config}).get(path), is_here=False)


def models_of(run: Run) -> set[str]:
    """The models that a run loads: the one that learns, its teacher and its reference."""
    others = (getattr(run.options, name, "") for name in ("teacher", "reference"))
    return {run.model.path, *filter(None, others)}
