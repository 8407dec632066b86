"""What a run's data and model are called where a person reads them. No Qt."""

from pathlib import Path

from core.data.read.files import split_paths
from core.run import DEMO, STARTER, Run


def shown_data(run: Run) -> str:
    """The dataset in words."""
    return "Sample data" if run.data.path == DEMO else shown_files(run.data.path)


def shown_files(path: str) -> str:
    """One or several files in words."""
    first, *more = split_paths(path)
    return f"{Path(first).name} and {len(more)} more" if more else Path(first).name


def shown_model(run: Run) -> str:
    """The model in words."""
    path = run.model.path
    if path == STARTER:
        return "Starter model"
    return Path(path).name if Path(path).is_absolute() else path
