"""Find a model on this machine, or bring it from the Hugging Face Hub with progress.

Nothing here imports MLX, so the window may ask at any time.
"""

import json
import queue
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from core.errors import BadModel, Unavailable, UserError
from core.events import Phase
from core.model.download import fetch_large
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


def fetch(model: str, revision: str | None = None) -> Generator[Phase, None, Path]:
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
    cancelled = threading.Event()
    arguments = (model, revision, news, cancelled)
    threading.Thread(target=_download, args=arguments, name="download", daemon=True).start()
    try:
        while True:
            item = news.get()
            if isinstance(item, Phase):
                yield item
            elif isinstance(item, BaseException):
                raise _explain(model, item) from item
            else:
                return Path(item)
    finally:
        cancelled.set()  # closing the generator ends the download; what is here stays


def _download(model: str, revision: str | None, news: "queue.Queue[Any]", cancelled: threading.Event) -> None:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects
    from tqdm import tqdm

    class Silent(tqdm):  # type: ignore[type-arg, unused-ignore]
        """No bar is drawn: progress goes out as events."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

    try:
        info = HfApi().model_info(model, revision=revision, files_metadata=True)
        sizes = {f.rfilename: f.size or 0 for f in info.siblings or ()}
        wanted = {name: sizes[name] for name in filter_repo_objects(sizes, allow_patterns=PATTERNS)}
        total, done = max(1, sum(wanted.values())), 0

        def report(count: int) -> None:
            nonlocal done
            done += count
            detail = f"{model}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
            news.put(Phase("Downloading model", detail, min(1.0, done / total)))

        report(0)
        fetch_large(model, info.sha, wanted, report, cancelled)
        if not cancelled.is_set():
            folder = snapshot_download(model, revision=revision, allow_patterns=PATTERNS, tqdm_class=Silent)
            report(total - done)
            news.put(folder)
    except BaseException as error:  # handed over whole: the generator raises it on the caller's thread
        news.put(error)


def _explain(model: str, error: BaseException) -> BaseException:
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return BadModel(f"{model} is gated: accept its licence on its page and log in with `hf auth login`.")
    if isinstance(error, RepositoryNotFoundError):
        return BadModel(f"There is no folder and no Hugging Face model named {model} (or it is private).")
    if isinstance(error, UserError):
        return error
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
