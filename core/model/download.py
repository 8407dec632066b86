"""Download a model or a dataset from the Hugging Face Hub, with progress, going on after a broken connection, and
resuming where a download was paused or stopped.

WORKAROUND: the Hub's own client starts a file anew after the program was closed (huggingface_hub issue 4196).
Here the large files are downloaded into the cache's blobs first, with a partial file that stays; the client then
finds them complete, downloads the small files, and lays out the snapshot as always.
"""

import functools
import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Unavailable
from core.events import Phase
from core.hub_token import find_token
from core.model.hub_failures import explaining_failures, is_broken_connection
from core.text.sentence import join, say
from core.worker import ReportProgress, run_in_thread

LARGE = 16 << 20  # bytes; smaller files are quick enough to start anew
WAITS = (1, 2, 4, 8, 15)  # seconds before the next try, after a connection broke; new bytes begin them anew
REPORT_SECONDS = 0.25  # between two reports of progress
PARTIAL = ".hone-partial"  # the end of the name of a file that is not complete yet
READ_SECONDS = 10  # without a byte, a connection is taken for broken
RUN_SHARE = 0.3  # of a model's size: what the checkpoints of an ordinary run take


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
    def blobs(self) -> Path:
        """The folder of the Hub's cache where its files lie, named by their contents."""
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        folder = repo_folder_name(repo_id=self.id, repo_type=self.kind)
        return Path(constants.HF_HUB_CACHE) / folder / "blobs"

    def discard_partial(self) -> None:
        """Remove the files that have not arrived completely; waits until a download that was closed has let go."""
        from huggingface_hub.utils import WeakFileLock

        for partial in self.blobs.glob(f"*{PARTIAL}"):
            with WeakFileLock(partial.with_suffix(".lock")):
                partial.unlink(missing_ok=True)

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
        raise Unavailable(
            say("{name} is not on this machine, and HF_HUB_OFFLINE forbids downloading it.", name=repository.id)
        )
    with explaining_failures(repository.id, repository.kind):
        folder = yield from run_in_thread("download", functools.partial(_download_files, repository))
    return folder


class _Progress:
    """Counts the bytes of all files, and reports them with their rate a few times a second."""

    def __init__(self, repository: Repository, total: int, report: ReportProgress) -> None:
        self._name, self._title = repository.id, f"Downloading {repository.kind}"
        self._report_phase, self._total = report, max(1, total)
        self._files: dict[str, int] = {}  # bytes of each that are here
        self.received, self._began, self._reported = 0, time.monotonic(), 0.0
        self.report()

    def set_file(self, name: str, here: int, received: int = 0) -> None:
        """So many bytes of a file are here; `received` of them have just come."""
        self._files[name] = here
        self.received += received
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            self.report()

    def report(self, note: str = "", done: int | None = None) -> None:
        done = sum(self._files.values()) if done is None else done
        now = time.monotonic()
        rate = self.received / max(now - self._began, 1e-3)
        size = say("{done:,.1f} of {total:,.1f} MB", done=done / 1e6, total=self._total / 1e6)
        note = note or (f"{rate / 1e6:,.1f} MB/s" if self.received and done < self._total else "")
        self._reported = now
        detail = say("{name}: {size}", name=self._name, size=join(filter(None, (size, note)), ", "))
        self._report_phase(Phase(self._title, detail, min(1.0, done / self._total)))

    def finish(self) -> None:
        self.report(done=self._total)


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
    progress = _Progress(repository, sum(files.values()), report)
    digests = {f.rfilename: f.lfs.sha256 for f in info.siblings or () if f.lfs}
    _check_room(repository, files, digests)
    for name in (name for name, size in files.items() if size >= LARGE):
        file = functools.partial(_download_large_file, repository, info.sha, name, progress, cancelled, token)
        _keep_trying(file, progress, cancelled)
        if cancelled.is_set():
            raise Unavailable(
                say("The download of {name} was stopped; it goes on from here next time.", name=repository.id)
            )
    options = repository.snapshot_options
    folder = Path(snapshot_download(repository.id, **options, tqdm_class=Silent, token=token))
    progress.finish()
    return folder


def _keep_trying(download_file: Callable[[], None], progress: _Progress, cancelled: threading.Event) -> None:
    """Call it again after a broken connection, until no byte has come for as many tries as there are WAITS."""
    tries = 0
    while True:
        before = progress.received
        try:
            return download_file()
        except Exception as error:
            tries = 0 if progress.received > before else tries
            if tries >= len(WAITS) or not is_broken_connection(error):
                raise
        progress.report(say("the connection broke; trying again"))
        cancelled.wait(WAITS[tries])
        tries += 1
        if cancelled.is_set():
            return


def _download_large_file(
    repository: Repository,
    revision: str | None,
    name: str,
    progress: _Progress,
    cancelled: threading.Event,
    token: str | None,
) -> None:
    """Download a file into the cache's blobs, going on with what is there of it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import WeakFileLock

    url = hf_hub_url(repository.id, name, revision=revision, repo_type=repository.kind)
    metadata = get_hf_file_metadata(url, token=token)
    if not metadata.etag or metadata.size is None:
        return  # the Hub's client handles servers that send neither
    blobs = repository.blobs
    blob, partial = blobs / metadata.etag, blobs / f"{metadata.etag}{PARTIAL}"
    blobs.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(partial.with_suffix(".lock")):  # another window may be at the same file
        if blob.exists():
            progress.set_file(name, metadata.size)
            return
        _stream(url, partial, metadata.size, functools.partial(progress.set_file, name), cancelled, token)
        if cancelled.is_set():
            return
        _check_digest(partial, metadata.etag, metadata.size, repository.id)
        partial.replace(blob)


def _stream(
    url: str, partial: Path, size: int, count: Callable[[int, int], None], cancelled: threading.Event, token: str | None
) -> None:
    """Append to a partial file what it lacks; `count` gets its bytes, and how many of them have just come."""
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    here = partial.stat().st_size if partial.exists() else 0
    count(here, 0)
    if here >= size:
        return
    headers = {**build_hf_headers(token=token), "Range": f"bytes={here}-"}
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=READ_SECONDS) as response:
        hf_raise_for_status(response)
        if response.status_code != 206:  # the server sends it from the start
            here = 0
        with partial.open("ab" if here else "wb") as file:
            for piece in response.iter_bytes():
                file.write(piece)
                here += len(piece)
                count(here, len(piece))
                if cancelled.is_set():
                    return


def _check_digest(partial: Path, etag: str, size: int, name: str) -> None:
    """Compare a file with its size and its SHA-256, by which the Hub names large files; one that differs is removed."""
    is_right = partial.stat().st_size == size
    if is_right and len(etag) == 64:
        with partial.open("rb") as file:
            is_right = hashlib.file_digest(file, "sha256").hexdigest() == etag
    if not is_right:
        partial.unlink()
        raise Unavailable(say("A file of {name} arrived damaged and was removed; start the download again.", name=name))


def _check_room(repository: Repository, files: dict[str, int], digests: dict[str, str]) -> None:
    """Raises Unavailable where the disk cannot hold what is still to come, and for a model a run of it.

    `files` are their sizes, `digests` the names that large ones have in the cache.
    """
    total, blobs = sum(files.values()), repository.blobs
    places = [blobs / f"{digests[name]}{end}" for name in files if name in digests for end in ("", PARTIAL)]
    needed = total - sum(place.stat().st_size for place in places if place.is_file())
    room = round(RUN_SHARE * total) if repository.kind == "model" else 0
    free = shutil.disk_usage(next(folder for folder in blobs.parents if folder.exists())).free
    if free < needed + room:
        run = say(", and a run of it about {size:.1f} GB", size=room / 1e9) if room else ""
        raise Unavailable(
            say(
                "The disk is too full for {name}: the download needs {needed:.1f} GB more{run}; "
                "{free:.1f} GB are free.",
                name=repository.id,
                needed=needed / 1e9,
                run=run,
                free=free / 1e9,
            )
        )
