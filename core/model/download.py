"""Bring a model's large files into the Hugging Face cache so that a download goes on where it stopped.

WORKAROUND: the Hub's own client starts a file anew after the program was closed (huggingface_hub issue 4196).
Here the large files are fetched into the cache's blobs first, with a partial file that stays; the client then
finds them complete, brings the small files, and lays out the snapshot as always.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import Unavailable

LARGE = 16 << 20  # bytes; smaller files are quick enough to start anew
CHUNK = 1 << 20


def fetch_large(
    model: str, revision: str | None, files: dict[str, int], report: Callable[[int], None], cancelled: threading.Event
) -> None:
    """Bring every file of `files` (name → bytes) that is large into the cache; `report` gets bytes as they come.

    Raises Unavailable without disk space, and what the Hub's client raises.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock

    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model") / "blobs"
    for name, size in files.items():
        if size < LARGE:
            continue
        about = get_hf_file_metadata(hf_hub_url(model, name, revision=revision))
        if not about.etag or about.size is None:
            continue  # the Hub's client knows what to do about a server that tells neither
        blob, partial = blobs / about.etag, blobs / f"{about.etag}.hone-partial"
        blobs.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(partial.with_suffix(".lock")):  # another window may be at the same file
            if blob.exists():
                report(about.size)
                continue
            _space(blobs, about.size - (partial.stat().st_size if partial.exists() else 0))
            _stream(hf_hub_url(model, name, revision=revision), partial, about.size, report, cancelled)
            if cancelled.is_set():
                return
            _verify(partial, about.etag, model)
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


def _verify(partial: Path, etag: str, model: str) -> None:
    """The Hub names large files by their SHA-256: what differs is thrown away, not trained on."""
    if len(etag) != 64:
        return
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != etag:
        partial.unlink()
        raise Unavailable(f"A file of {model} arrived damaged and was removed; start the download again.")


def _space(folder: Path, needed: int) -> None:
    import shutil

    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unavailable(
            f"The disk is full: the download needs {needed / 1e9:.1f} GB more, {free / 1e9:.1f} GB are free."
        )
