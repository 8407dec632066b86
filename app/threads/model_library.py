"""Calls of background work about models that are on this computer, or on the Hugging Face Hub.

Each of these functions belongs on a task's thread (app.threads.task).
"""

from collections.abc import Generator, Iterable
from pathlib import Path

from core.errors import Gated
from core.events import Phase
from core.model.hub_search import MLX_COMMUNITY, HubModel
from core.model.local_models import FOLDER, HUB, LM_STUDIO, Download, LocalModel, LocalModels, list_downloads
from core.model.model_facts import ModelFacts, describe_packing, format_count, read_model_facts
from core.model.recommended import Recommended, candidates, pick_three

__all__ = [
    "FOLDER", "HUB", "LM_STUDIO", "MLX_COMMUNITY", "Download", "HubModel", "LocalModel", "LocalModels", "ModelFacts",
    "Recommended", "candidates", "describe_packing", "discard_download",
    "download_model", "find_models", "format_count", "hub_folder", "list_downloads", "pick_three", "read_model_facts",
    "search_hub",
]  # fmt: skip


def hub_folder() -> Path:
    """The folder to which the Hub's client downloads. HF_HOME and HF_HUB_CACHE are honoured."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def find_models(folders: Iterable[str]) -> LocalModels:
    """The models on this computer; `folders` are such as were used before."""
    from core.model.local_models import find_local_models

    return find_local_models(Path(folder) for folder in folders)


def search_hub(text: str, author: str) -> list[HubModel]:
    """Models on the Hub with `text` in their names. Raises Unavailable."""
    from core.model.hub_search import search_models

    return search_models(text, author)


def download_model(name: str) -> Generator[Phase | Gated, None, None]:
    """Download a model, and yield its progress; the last item is a Gated where its terms have to be accepted first.

    Closing the generator pauses the download: what is here of it stays. Raises BadModel or Unavailable.
    """
    from core.model.hub import fetch

    try:
        yield from fetch(name)
    except Gated as error:
        yield error


def discard_download(name: str) -> None:
    """Remove what is here of a model that was not downloaded completely."""
    from core.model.hub import model_repository

    model_repository(name, None).discard_partial()
