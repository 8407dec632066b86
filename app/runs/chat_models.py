"""The models that can be talked to: base models as they came, runs, and adapter folders from elsewhere. No Qt."""

import datetime
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from app.desktop.language import tr
from app.runs.history import HistoryEntry
from app.runs.labels import model_label
from core.errors import UserError
from core.run import Run


@dataclass(frozen=True)
class ChatModel:
    """A base model (of `run`), with the adapter of a folder or without one (`adapter` "")."""

    title: str
    run: Run
    adapter: str = ""

    @property
    def base(self) -> str:
        """The base model's path."""
        return self.run.model.path

    @property
    def key(self) -> str:
        """What tells this model from others: the adapter's folder, or the base model's path."""
        return self.adapter or self.base


STARTER = ChatModel(tr("Starter model, untrained"), Run())


def list_models(entries: list[HistoryEntry]) -> list[ChatModel]:
    """The starter model, the runs that have an adapter, and their base models."""
    models, titles = {STARTER.key: STARTER}, Counter(_title(entry) for entry in entries)
    for entry in entries:
        if (entry.folder / "adapters.safetensors").is_file():
            try:
                run = Run.read(entry.folder / "run.toml")
            except UserError:  # which the list of runs tells
                continue
            title = _title(entry)
            if titles[title] > 1:  # begun in one minute
                title += f"{datetime.datetime.fromtimestamp(entry.start_time)::%S}"
            models[str(entry.folder)] = ChatModel(title, run, str(entry.folder))
    bases = [untrained(model.run) for model in models.values()]
    return list({**models, **{base.key: base for base in bases if base.key not in models}}.values())


def _title(entry: HistoryEntry) -> str:
    """A run's model, its name or that of its data, and its begin. Runs of one minute may share it."""
    start = datetime.datetime.fromtimestamp(entry.start_time)
    return tr("{model} + {data}, {time:%d %b %H:%M}", model=entry.model, data=entry.title, time=start)


def untrained(run: Run) -> ChatModel:
    """The base model of a run, without an adapter."""
    base = Run().replace("model.path", run.model.path)
    return STARTER if base == STARTER.run else ChatModel(tr("{model}, untrained", model=model_label(run)), base)


def from_folder(folder: Path, base: str) -> ChatModel:
    """The model of an adapter's folder that is no run, over a base model."""
    return ChatModel(folder.name, Run().replace("model.path", base), str(folder))
