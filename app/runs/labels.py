"""Names of a run's data and model for people. No Qt."""

from pathlib import Path

from app.desktop.language import tr
from core.data.read.files import split_paths
from core.run import DEMO, STARTER, Run


def data_label(run: Run) -> str:
    """The dataset's name: of its file or files, or "Sample data"."""
    return tr("Sample data") if run.data.path == DEMO else files_label(run.data.path)


def files_label(path: str) -> str:
    """The name of a file; of several files the first name and how many more there are."""
    first, *more = split_paths(path)
    return tr("{name} and {count} more", name=Path(first).name, count=len(more)) if more else Path(first).name


def model_label(run: Run) -> str:
    """The model's name: its id on the Hub, its folder's name, or "Starter model"."""
    path = run.model.path
    if path == STARTER:
        return tr("Starter model")
    return Path(path).name if Path(path).is_absolute() else path
