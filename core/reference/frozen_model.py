"""Another model beside the one in training, to ask it about the same tokens: a reference or a teacher."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel
from core.events import Event
from core.model import hub
from core.model.lm_head import LMHead
from core.model.lm_head import find_lm_head as find_head
from core.model.load import DTYPES, load
from core.run import Run


@dataclass(frozen=True)
class Place:
    """Where another model lies: its folder, and that of an adapter on it."""

    folder: Path
    adapter: Path | None = None

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Names, sizes and times of the files that make its answers: other files, another fingerprint."""
        return files(self.folder) + (files(self.adapter) if self.adapter else [])


def files(folder: Path) -> list[tuple[str, int, int]]:
    """(name, bytes, time of the last change) of a folder's settings and weights."""
    found = sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")])
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in found if path.is_file()]


def find(what: str, path: str, tokenizer: Any) -> Generator[Event, None, Place]:
    """The place of a model (folder, Hugging Face id, "starter") or of a run's adapter with the model below it.

    `what` names it in sentences ("reference"). Raises BadModel where its vocabulary is not the tokenizer's.
    """
    model, adapter = _apart(path)
    place = Place((yield from hub.fetch(model)), adapter)
    own, its = tokenizer.get_vocab(), load_tokenizer(place.folder).get_vocab()
    if own != its:
        raise BadModel(
            f"The {what} {path} has another vocabulary ({len(its):,} tokens) than the model in training "
            f"({len(own):,}): token by token, the two cannot be compared."
        )
    return place


def bring(place: Place, run: Run, device: str) -> tuple[nn.Module, LMHead | None]:
    """The other model in memory, in the run's precision and not to be trained, and its head. Raises BadModel."""
    base = adapters.base_for(place.adapter, None)
    loaded = load(
        place.folder,
        run.model.dtype,
        device=device,
        allow_code=run.model.allow_code,
        quantization=base.quantization,
        double=base.double,
    )
    if place.adapter is not None:
        adapters.load(loaded.model, place.adapter)
    loaded.model.freeze()
    loaded.model.eval()
    mx.eval(loaded.model.parameters())  # other threads may ask it
    return loaded.model, find_head(loaded.model, DTYPES[loaded.compute])[0]


def find_live_teacher(run: Run) -> Path | None:
    """The folder of the model that stays in memory beside the one in training: a teacher that is asked in every step.

    None where there is none, or where it would have to be downloaded. Raises BadModel.
    """
    if not run.spec.divergence or run.options.teacher is None or run.options.teacher_top_k is not None:
        return None
    return hub.locate(_apart(run.options.teacher)[0])


def _apart(path: str) -> tuple[str, Path | None]:
    """(the model, the run's adapter on it if that is what `path` names)."""
    adapter = Path(path).expanduser()
    return (_base(adapter), adapter) if (adapter / adapters.CONFIG).is_file() else (path, None)


def _base(adapter: Path) -> str:
    """The model that an adapter was trained on."""
    try:
        return str(json.loads((adapter / adapters.CONFIG).read_text(encoding="utf-8"))["model"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadModel(f"{adapter} does not say which model its adapter was trained on.") from None
