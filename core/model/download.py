"""Bring a model or a dataset from the Hugging Face Hub, with progress, going on where a download stopped.

WORKAROUND: the Hub's own client starts a file anew after the program was closed (huggingface_hub issue 4196).
Here the large files are fetched into the cache's blobs first, with a partial file that stays; the client then
finds them complete, brings the small files, and lays out the snapshot as always.
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
from core.worker import ReportProgress, run_in_thread

LARGE = 16 << 20  # bytes; smaller files are quick enough to start anew
CHUNK = 1 << 20


@dataclass(frozen=True)
class Repository:
    """What to bring: which files of which repository."""

    id: str
    revision: str | None
    kind: str  # "model" or "dataset"
    patterns: Sequence[str]

    def here(self) -> Path | None:
        """Its folder in the cache, as far as it is there."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            return Path(snapshot_download(self.id, **self.about, local_files_only=True))
        except LocalEntryNotFoundError:
            return None

    @property
    def about(self) -> dict[str, Any]:
        return {"revision": self.revision, "repo_type": self.kind, "allow_patterns": list(self.patterns)}


def bring(wanted: Repository) -> Generator[Phase, None, Path]:
    """Download, yielding progress; the generator's value is the folder. Closing it ends the download.

    HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN are honoured. Raises BadModel or BadData (no such thing, gated) or
    Unavailable (no network, no disk space).
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise Unavailable(f"{wanted.id} is not on this machine, and HF_HUB_OFFLINE forbids downloading it.")
    try:
        folder = yield from run_in_thread("download", functools.partial(_work, wanted))
    except Exception as error:  # each is said in one sentence, or raised again as it is
        raise _explain(wanted, error) from error
    return folder


def _work(wanted: Repository, report: ReportProgress, cancelled: threading.Event) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects
    from tqdm import tqdm

    class Silent(tqdm):  # type: ignore[type-arg, unused-ignore]
        """No bar is drawn: progress goes out as events."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})

    api = HfApi()
    ask = api.model_info if wanted.kind == "model" else api.dataset_info
    info: Any = ask(wanted.id, revision=wanted.revision, files_metadata=True)
    sizes = {f.rfilename: f.size or 0 for f in info.siblings or ()}
    files = {name: sizes[name] for name in filter_repo_objects(sizes, allow_patterns=list(wanted.patterns))}
    total, done = max(1, sum(files.values())), 0

    def more(count: int) -> None:
        nonlocal done
        done += count
        detail = f"{wanted.id}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
        report(Phase(f"Downloading {wanted.kind}", detail, min(1.0, done / total)))

    more(0)
    _large_files(wanted, info.sha, files, more, cancelled)
    if cancelled.is_set():
        raise Unavailable(f"The download of {wanted.id} was stopped; it goes on from here next time.")
    folder = Path(snapshot_download(wanted.id, **wanted.about, tqdm_class=Silent))
    more(total - done)
    return folder


def _explain(wanted: Repository, error: Exception) -> Exception:
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    name, bad = wanted.id, BadModel if wanted.kind == "model" else BadData
    if isinstance(error, GatedRepoError):
        return bad(f"{name} is gated: accept its licence on its page and log in with `hf auth login`.")
    if isinstance(error, RepositoryNotFoundError):
        return bad(f"There is no folder and no Hugging Face {wanted.kind} named {name} (or it is private).")
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


def _large_files(
    wanted: Repository,
    revision: str | None,
    files: dict[str, int],
    report: Callable[[int], None],
    cancelled: threading.Event,
) -> None:
    """Bring every file of `files` (name → bytes) that is large into the cache; `report` gets bytes as they come."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock

    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=wanted.id, repo_type=wanted.kind) / "blobs"
    for name, size in files.items():
        if size < LARGE:
            continue
        url = hf_hub_url(wanted.id, name, revision=revision, repo_type=wanted.kind)
        about = get_hf_file_metadata(url)
        if not about.etag or about.size is None:
            continue  # the Hub's client knows what to do about a server that tells neither
        blob, partial = blobs / about.etag, blobs / f"{about.etag}.hone-partial"
        blobs.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(partial.with_suffix(".lock")):  # another window may be at the same file
            if blob.exists():
                report(about.size)
                continue
            _space(blobs, about.size - (partial.stat().st_size if partial.exists() else 0))
            _stream(url, partial, about.size, report, cancelled)
            if cancelled.is_set():
                return
            _verify(partial, about.etag, wanted.id)
            partial.replace(blob)


def _stream(url: str, partial: Path, size: int, report: Callable[[int], None], cancelled: threading.Event) -> None:
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    here = partial.stat().st_size if partial.exists() else 0
    report(here)
    if here >= size:
        return
    headers = {**build_hf_headers(), "Range": f"bytes={here}-"}
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
        hf_raise_for_status(response)
        if response.status_code != 206:  # the server sends it from the start
            report(-here)
            here = 0
        with partial.open("ab" if here else "wb") as file:
            for piece in response.iter_bytes(CHUNK):
                file.write(piece)
                report(len(piece))
                if cancelled.is_set():
                    return


def _verify(partial: Path, etag: str, name: str) -> None:
    """The Hub names large files by their SHA-256: what differs is thrown away, not trained on."""
    if len(etag) != 64:
        return
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != etag:
        partial.unlink()
        raise Unavailable(f"A file of {name} arrived damaged and was removed; start the download again.")


def _space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unavailable(
            f"The disk is full: the download needs {needed / 1e9:.1f} GB more, {free / 1e9:.1f} GB are free."
        )
