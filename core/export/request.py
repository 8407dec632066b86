"""What is asked of an export: where the result comes from, where it goes, and in which form."""

import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import adapters
from core.errors import BadModel, BadOption
from core.events import Event, Saved
from core.export.fused_model import fuse
from core.model.check_folder import read_config
from core.model.hub import fetch
from core.text.sentence import say


@dataclass(frozen=True)
class ExportRequest:
    """One export. A target reads of it what it needs."""

    source: str  # a run's folder, any adapter's, or a model: a folder or a Hugging Face id
    output: str = ""  # where to write; "" for the target's usual place
    form: str = ""  # one of the target's forms; "" for its first
    model: str | None = None  # in place of the base that an adapter names
    backend_name: str = "auto"
    allow_code: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)  # of this target alone

    @property
    def is_adapter(self) -> bool:
        """Whether the source is an adapter, or a run that trained one, rather than a whole model."""
        return (Path(self.source).expanduser() / adapters.CONFIG).is_file()

    @property
    def name(self) -> str:
        """The source's name, for files and folders."""
        return Path(self.source).expanduser().resolve().name if Path(self.source).exists() else Path(self.source).name


def on_the_way(events: Iterator[Event]) -> Iterator[Event]:
    """The events of an export that is a part of another one: all but Saved, as it is not the end."""
    for event in events:
        if not isinstance(event, Saved):
            yield event


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """A temporary folder on the disk where the result goes, removed at the end."""
    beside.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".hone-export-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def whole_model(request: ExportRequest, scratch: Path) -> Generator[Event, None, Path]:
    """The folder of the whole model in full precision: the adapter fused into its base in `scratch`, or the model as
    it is. Raises BadModel for one whose weights are packed."""
    if request.is_adapter:
        target = scratch / request.name
        yield from on_the_way(
            fuse(
                request.source,
                target,
                model=request.model,
                backend_name=request.backend_name,
                allow_code=request.allow_code,
            )
        )
        return target
    folder = yield from fetch(request.source)
    config = read_config(folder)
    if config.get("quantization") or config.get("quantization_config"):
        raise BadModel(
            say(
                "{folder} holds packed weights; export the model in full precision, or the run that used it.",
                folder=folder,
            )
        )
    return folder


def free_file(output: str, ending: str, name: str) -> Path:
    """The file to write: `output`, or NAME{ending} in it where it is a folder. Raises BadOption where it exists."""
    path = Path(output or ".").expanduser()
    file = path / f"{name}{ending}" if path.is_dir() or not path.suffix else path
    if file.exists():
        raise BadOption(say("{file} already exists; choose another name.", file=file))
    return file
