"""The rows of a run, with what is said about them."""

from pathlib import Path
from typing import Any

from core.events import Event, Warned
from core.run import Run
from core.training.dataset import EncodedDataset, load_rows
from tests.core.data.conftest import make_tokenizer

FILES = Path(__file__).parents[1] / "data" / "files"


def rows(**data: Any) -> tuple[EncodedDataset, dict[str, str]]:
    """(the rows, what was warned of by its code) of a run with these options of the data."""
    run = Run.from_dict({"data": {key: str(v) if isinstance(v, Path) else v for key, v in data.items()}})
    events: list[Event] = []
    work = load_rows(run, make_tokenizer())
    try:
        while True:
            events.append(next(work))
    except StopIteration as end:
        dataset: EncodedDataset = end.value
    return dataset, {e.code: e.message for e in events if isinstance(e, Warned)}
