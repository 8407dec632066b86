"""What the Hugging Face Hub says of a model that is not on this machine, before anything of it is downloaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Unavailable
from core.hub_token import find_token
from core.model.hub import model_repository
from core.model.hub_failures import explaining_failures
from core.text.sentence import say


@dataclass(frozen=True)
class RemoteModel:
    """A model on the Hub."""

    download_bytes: int  # of the files that Hone reads
    config: dict[str, Any]  # its config.json


def ask_hub(model: str, revision: str | None = None) -> RemoteModel:
    """Size and config.json of a model on the Hub.

    Raises BadModel where there is none of that name or it is gated, and Unavailable where the Hub cannot be asked.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub.utils import filter_repo_objects

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(say("HF_HUB_OFFLINE forbids to ask the Hugging Face Hub about {model}.", model=model))
    repository, token = model_repository(model, revision), find_token()
    with explaining_failures(model, "model"):
        info: Any = HfApi(token=token).model_info(model, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        wanted = list(filter_repo_objects(sizes, allow_patterns=list(repository.patterns)))
        config = Path(hf_hub_download(model, "config.json", revision=revision, token=token))
        values = json.loads(config.read_text(encoding="utf-8"))
    return RemoteModel(sum(sizes[name] for name in wanted), values if isinstance(values, dict) else {})
