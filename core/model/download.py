"""Download a model or a dataset from the Hugging Face Hub, with progress, resuming where a download stopped.

WORKAROUND: the Hub's own client starts a file anew after the program was closed (huggingface_hub issue 4196).
Here the large files are downloaded into the cache's blobs first, with a partial file that stays; the client then
finds them complete, downloads the small files, and lays out the snapshot as always.
"""

import functools
import hashlib
import shutil
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadData, BadModel, Unavailable, UserError
from core.events import Phase
from core.hub_token import find_token
from core.worker import ReportProgress, run_in_thread

LARGE = 16 << 20  # bytes; smaller files are quick enough to start anew
CHUNK = 1 << 20


@dataclass(frozen=True)
class Repository:
    """What to download: which files of which repository."""

    id: str
    revision: str | None
    kind: str  # "model" or "dataset"
    patterns: Sequence[str]

    def find_cached(self) -> Path | None:
        """The folder of its snapshot in the cache, complete or not; None where there is none."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            return Path(snapshot_download(self.id, **self.snapshot_options, local_files_only=True))
        except LocalEntryNotFoundError:
            return None

    @property
    def snapshot_options(self) -> dict[str, Any]:
        return {"revision": self.revision, "repo_type": self.kind, "allow_patterns": list(self.patterns)}


def download(repository: Repository) -> Generator[Phase, None, Path]:
    """Download a repository's files, yielding progress; returns the folder. Closing the generator ends the download.

    HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN are honoured, and the token of `hone login`. Raises BadModel or BadData (no
    such thing, gated) or Unavailable (no network, no disk space).
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(f"{repository.id} is not on this machine, and HF_HUB_OFFLINE forbids downloading it.")
    try:
        folder = yield from run_in_thread("download", functools.partial(_download_files, repository))
    except Exception as error:  # a sentence for each known one; others are raised as they are
        raise explain_failure(repository, error) from error
    return folder


def _download_files(repository: Repository, report: ReportProgress, cancelled: threading.Event) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects
    from tqdm import tqdm

    class Silent(tqdm):  # type: ignore[type-arg, unused-ignore]
        """No bar is drawn: progress goes out as events."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

    token = find_token()
    api = HfApi(token=token)
    get_info = api.model_info if repository.kind == "model" else api.dataset_info
    info: Any = get_info(repository.id, revision=repository.revision, files_metadata=True)
    sizes = {f.rfilename: f.size or 0 for f in info.siblings or ()}
    files = {name: sizes[name] for name in filter_repo_objects(sizes, allow_patterns=list(repository.patterns))}
    total_bytes, done_bytes = max(1, sum(files.values())), 0

    def add_progress(count: int) -> None:
        nonlocal done_bytes
        done_bytes += count
        detail = f"{repository.id}: {done_bytes / 1e6:,.1f} of {total_bytes / 1e6:,.1f} MB"
        report(Phase(f"Downloading {repository.kind}", detail, min(1.0, done_bytes / total_bytes)))

    add_progress(0)
    _download_large_files(repository, info.sha, files, add_progress, cancelled, token)
    if cancelled.is_set():
        raise Unavailable(f"The download of {repository.id} was stopped; it goes on from here next time.")
    folder = Path(snapshot_download(repository.id, **repository.snapshot_options, tqdm_class=Silent, token=token))
    add_progress(total_bytes - done_bytes)
    return folder


def explain_failure(repository: Repository, error: Exception) -> Exception:
    """The error of ours, with one sentence, for one of the Hub's client; an unknown one as it is."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    name, error_class = repository.id, BadModel if repository.kind == "model" else BadData
    if isinstance(error, GatedRepoError):
        return error_class(f"{name} is gated: accept its licence on its page and log in with `hone login`.")
    if isinstance(error, RepositoryNotFoundError):
        return error_class(f"There is no folder and no Hugging Face {repository.kind} named {name} (or it is private).")
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError) and error.errno == 28:
        return Unavailable(f"The disk is full; {name} could not be downloaded completely. What is here is kept.")
    network = (LocalEntryNotFoundError, HfHubHTTPError, ConnectionError, TimeoutError)
    if isinstance(error, network) or type(error).__module__.startswith(("httpx", "httpcore")):
        return Unavailable(
            f"{name} is not on this machine, and the Hugging Face Hub could not be reached to download it."
        )
    return error


def _download_large_files(
    repository: Repository,
    revision: str | None,
    files: dict[str, int],
    report: Callable[[int], None],
    cancelled: threading.Event,
    token: str | None = None,
) -> None:
    """Download the large ones of `files` (name → bytes) into the cache; `report` gets the bytes of each piece."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock

    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository.id, repo_type=repository.kind) / "blobs"
    for name, size in files.items():
        if size < LARGE:
            continue
        url = hf_hub_url(repository.id, name, revision=revision, repo_type=repository.kind)
        metadata = get_hf_file_metadata(url, token=token)
        if not metadata.etag or metadata.size is None:
            continue  # the Hub's client handles servers that send neither
        blob, partial = blobs / metadata.etag, blobs / f"{metadata.etag}.hone-partial"
        blobs.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(partial.with_suffix(".lock")):  # another window may be at the same file
            if blob.exists():
                report(metadata.size)
                continue
            _check_disk_space(blobs, metadata.size - (partial.stat().st_size if partial.exists() else 0))
            _stream(url, partial, metadata.size, report, cancelled, token)
            if cancelled.is_set():
                return
            _check_digest(partial, metadata.etag, repository.id)
            partial.replace(blob)


def _stream(
    url: str,
    partial: Path,
    size: int,
    report: Callable[[int], None],
    cancelled: threading.Event,
    token: str | None = None,
) -> None:
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    offset = partial.stat().st_size if partial.exists() else 0
    report(offset)
    if offset >= size:
        return
    headers = {**build_hf_headers(token=token), "Range": f"bytes={offset}-"}
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
        hf_raise_for_status(response)
        if response.status_code != 206:  # the server sends it from the start
            report(-offset)
            offset = 0
        with partial.open("ab" if offset else "wb") as file:
            for piece in response.iter_bytes(CHUNK):
                file.write(piece)
                report(len(piece))
                if cancelled.is_set():
                    return


def _check_digest(partial: Path, etag: str, name: str) -> None:
    """Compare a file with its SHA-256, by which the Hub names large files; a file that differs is removed."""
    if len(etag) != 64:
        return
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != etag:
        partial.unlink()
        raise Unavailable(f"A file of {name} arrived damaged and was removed; start the download again.")


def _check_disk_space(folder: Path, byte_count: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < byte_count:
        raise Unavailable(
            f"The disk is full: the download needs {byte_count / 1e9:.1f} GB more, {free / 1e9:.1f} GB are free."
        )
