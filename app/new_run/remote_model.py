"""What the Hugging Face Hub says of a model that is not on this computer. No Qt; belongs on a task's thread."""

from dataclasses import dataclass, field
from typing import Any

from app.threads import core_calls
from core.errors import Unavailable
from core.run import Run


@dataclass(frozen=True)
class RemoteModel:
    """What the Hub says of a model that is not here; `problem` where it could not be asked."""

    download_bytes: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def ask_hub(run: Run) -> RemoteModel:
    """Ask for the size and the config of a run's model. Raises Gated where its terms are not accepted."""
    try:
        return RemoteModel(*core_calls.remote_model(run.model.path, run.model.revision))
    except Unavailable as error:
        return RemoteModel(problem=str(error))
