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
from core.model.lm_head import LMHead, find_lm_head
from core.model.precision import DTYPES
from core.run import Run
from core.text.sentence import say

FileStamp = tuple[str, int, int]  # (name, bytes, time of the last change in nanoseconds)


@dataclass(frozen=True)
class ModelSource:
    """Where another model lies: its folder, and that of an adapter on it."""

    folder: Path
    adapter: Path | None = None

    def fingerprint(self) -> list[FileStamp]:
        """The files that the model's numbers follow from: other files, another fingerprint."""
        return file_stamps(self.folder) + (file_stamps(self.adapter) if self.adapter else [])


def file_stamps(folder: Path) -> list[FileStamp]:
    """Names, sizes and times of a folder's settings and weights."""
    paths = sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")])
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths if path.is_file()]


def find_source(role: str, path: str, tokenizer: Any) -> Generator[Event, None, ModelSource]:
    """Where a model lies that `path` names: a folder, a Hugging Face id, "starter", or a run with an adapter.

    `role` names it in sentences ("reference"). Yields the progress of a download. Raises BadModel where its vocabulary
    is not that of `tokenizer`.
    """
    model, adapter = _split_adapter(path)
    source = ModelSource((yield from hub.fetch(model)), adapter)
    expected, vocabulary = tokenizer.get_vocab(), load_tokenizer(source.folder).get_vocab()
    if expected != vocabulary:
        raise BadModel(
            say(
                "The {role} {path} has another vocabulary ({count:,} tokens) than the model in training "
                "({expected:,}): token by token, the two cannot be compared.",
                role=role,
                path=path,
                count=len(vocabulary),
                expected=len(expected),
            )
        )
    return source


def load_frozen(source: ModelSource, run: Run, device: str) -> tuple[nn.Module, LMHead | None]:
    """The other model in memory, in the run's precision and not to be trained, and its head. Raises BadModel."""
    base = adapters.choose_base_precision(source.adapter, None)
    loaded = adapters.load_base(
        source.folder, source.adapter, base, run.model.dtype, device=device, allow_code=run.model.allow_code
    )
    if source.adapter is not None:
        adapters.load(loaded.model, source.adapter)
    loaded.model.freeze()
    loaded.model.eval()
    mx.eval(loaded.model.parameters())  # other threads may ask it
    return loaded.model, find_lm_head(loaded.model, DTYPES[loaded.compute])[0]


def find_live_teacher(run: Run) -> Path | None:
    """The folder of the teacher that stays in memory beside the model in training, to be asked in every step.

    None where there is none, or where it would have to be downloaded. Raises BadModel.
    """
    if not run.spec.divergence or run.options.teacher is None or run.options.teacher_top_k is not None:
        return None
    return hub.locate(_split_adapter(run.options.teacher)[0])


def _split_adapter(path: str) -> tuple[str, Path | None]:
    """(the model, the run's adapter on it if that is what `path` names)."""
    adapter = Path(path).expanduser()
    return (_base_model(adapter), adapter) if (adapter / adapters.CONFIG).is_file() else (path, None)


def _base_model(adapter: Path) -> str:
    """The model that an adapter was trained on."""
    try:
        model = str(json.loads((adapter / adapters.CONFIG).read_text(encoding="utf-8"))["model"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise BadModel(say("{adapter} does not say which model its adapter was trained on.", adapter=adapter)) from None
    return hub.find_moved(model, adapter)
