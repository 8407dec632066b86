"""Find a model on this machine, or bring it from the Hugging Face Hub with progress.

Nothing here imports MLX, so the window may ask at any time.
"""

import json
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.errors import BadModel, Unavailable
from core.events import Phase
from core.resources import STARTER as STARTER_FOLDER

STARTER = "starter"
# Everything that training and chatting read; never Python files.
PATTERNS = ["*.json", "model*.safetensors", "tokenizer.model", "*.tiktoken", "*.txt", "*.jsonl", "*.jinja"]


def locate(model: str, revision: str | None = None) -> Path | None:
    """The model's folder on this machine, or None when it would have to be downloaded.

    `model` is a folder, a Hugging Face id or "starter". Raises BadModel for a folder that is missing or
    for text that is neither.
    """
    if model == STARTER:
        return STARTER_FOLDER
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise BadModel(f"{model} is a file; a model is a folder with config.json, or a Hugging Face id.")
    if not _is_id(model):
        raise BadModel(f"There is no folder {model}, and it is no Hugging Face id of the form owner/name.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = Path(snapshot_download(model, revision=revision, local_files_only=True, allow_patterns=PATTERNS))
    except LocalEntryNotFoundError:
        return None
    return None if missing_files(found) else found


def fetch(model: str, revision: str | None = None) -> Iterator[Phase]:
    """Bring a model here, yielding progress; the generator's value is its folder.

    A download that was cut off goes on where it stopped. HF_HUB_OFFLINE is honoured, HF_ENDPOINT and
    HF_TOKEN too. Raises BadModel (no such model, gated) or Unavailable (no network, no disk space).
    """
    folder = locate(model, revision)
    if folder is not None:
        return folder
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(f"{model} is not on this machine, and HF_HUB_OFFLINE forbids downloading it.")
    news: queue.Queue[Any] = queue.Queue()
    worker = threading.Thread(target=_download, args=(model, revision, news), name="download", daemon=True)
    worker.start()
    while True:
        item = news.get()
        if isinstance(item, Phase):
            yield item
        elif isinstance(item, BaseException):
            raise _explain(model, item) from item
        else:
            return Path(item)


def _download(model: str, revision: str | None, news: "queue.Queue[Any]") -> None:
    from huggingface_hub import snapshot_download

    try:
        news.put(
            snapshot_download(model, revision=revision, allow_patterns=PATTERNS, tqdm_class=_meter(model, news.put))
        )
    except BaseException as error:  # handed over whole: the generator raises it on the caller's thread
        news.put(error)


def _meter(model: str, report: Callable[[Phase], None]) -> type:
    """A progress-bar class that reports bytes as Phase events instead of drawing.

    The Hub's client keeps one bar for bytes received and one for bytes written; which of them moves
    depends on the storage behind the model, so the fuller one counts.
    """
    from tqdm.auto import tqdm

    lock = threading.Lock()
    bars: list[Any] = []

    class Meter(tqdm):  # type: ignore[misc, unused-ignore]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.received = 0.0
            if kwargs.get("unit") == "B":
                bars.append(self)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if self not in bars:
                return
            with lock:
                self.received += n or 0
                done = max(bar.received for bar in bars)
                size = max(done, *(float(bar.total or 0) for bar in bars))
                detail = f"{model}: {done / 1e6:,.1f} of {size / 1e6:,.1f} MB"
                report(Phase("Downloading model", detail, done / size if size else None))

        def __eq__(self, other: object) -> bool:
            return self is other

        __hash__ = object.__hash__

    return Meter


def _explain(model: str, error: BaseException) -> BaseException:
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return BadModel(f"{model} is gated: accept its licence on its page and log in with `hf auth login`.")
    if isinstance(error, RepositoryNotFoundError):
        return BadModel(f"There is no folder and no Hugging Face model named {model} (or it is private).")
    if isinstance(error, OSError) and error.errno == 28:
        return Unavailable(f"The disk is full; {model} could not be downloaded completely. What is here is kept.")
    network = (LocalEntryNotFoundError, HfHubHTTPError, ConnectionError, TimeoutError)
    if isinstance(error, network) or type(error).__module__.startswith(("httpx", "httpcore")):
        return Unavailable(
            f"{model} is not on this machine, and the Hugging Face Hub could not be reached to download it."
        )
    return error


def _is_id(text: str) -> bool:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if text.startswith((".", "/", "~")) or text.count("/") > 1 or "\\" in text:
        return False
    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return "/" in text


def missing_files(folder: Path) -> list[str]:
    """What a model folder lacks: config.json, weights, or shards that its index names. Empty when complete."""
    lacking = [] if (folder / "config.json").is_file() else ["config.json"]
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadModel(f"{index} is not a valid index of weight files.") from None
        return lacking + sorted(shard for shard in shards if not (folder / shard).is_file())
    return lacking if any(folder.glob("model*.safetensors")) else [*lacking, "model.safetensors"]
