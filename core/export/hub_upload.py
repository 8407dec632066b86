"""Upload a folder to a repository of the Hugging Face Hub, going on after a broken connection."""

import functools
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadOption, Unavailable
from core.events import Phase
from core.export.counted_file import CountedFile
from core.hub_token import find_token
from core.model.download import WAITS
from core.model.hub_failures import explain_failure, is_broken_connection, page_url, read_status
from core.text.sentence import join, say
from core.worker import ReportProgress, run_in_thread

MESSAGE = "Upload from Hone"  # of the commit
_OWN = ".gitattributes"  # made by the Hub itself

T = TypeVar("T")


def upload_folder(name: str, folder: Path, *, public: bool, overwrite: bool) -> Generator[Phase, None, str]:
    """Make the repository `name` (owner/name) and upload the files of a folder in one commit; returns its page's URL.

    What has arrived stays there when it is cut off: the same call goes on with the rest, even later. A repository
    that is there with other content is left alone unless `overwrite`; then it holds these files alone. At the end what
    the Hub has is compared with the files. Closing the generator ends the upload, also within a file.

    Raises BadOption for a repository that is not to be written to, Unavailable where the Hub refuses or is not reached.
    """
    try:
        with _by_http(), _without_bars():
            url = yield from run_in_thread("upload", functools.partial(_upload, name, folder, public, overwrite))
    except Exception as error:  # a sentence for each known one; others are raised as they are
        explained = _explain(name, error)
        if explained is error:
            raise
        raise explained from error
    return url


def require_token() -> str:
    """The access token to upload with. Raises Unavailable where there is none."""
    from huggingface_hub import get_token

    token = find_token() or get_token()
    if not token:
        raise Unavailable(
            say("To upload, the Hugging Face Hub needs an access token that may write: see `hone login`.")
        )
    return token


@contextmanager
def _by_http() -> Iterator[None]:
    """While it lasts the Hub's client sends files itself, by HTTP, and not through hf_xet.

    That library takes a whole file at once: it tells nothing of how far it is, cannot be stopped, and does not go
    through the double of the Hub that uploads are tested with. What it saves, parts that the Hub knows already, a new
    model has little of.
    """
    from huggingface_hub import constants

    before, constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_XET, True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = before


@contextmanager
def _without_bars() -> Iterator[None]:
    """While it lasts the Hub's client draws no bars: progress goes out as events."""
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


@dataclass
class _Upload:
    """How far an upload is, and what keeps it going."""

    name: str  # of the repository
    total: int  # bytes of all files
    report: ReportProgress
    cancelled: threading.Event
    sent: int = 0  # bytes of the files that have arrived

    def tell(self, note: str = "", of_file: int = 0) -> None:
        """Report how far it is; `of_file` bytes of the file that is being sent count as well."""
        arrived = self.sent + of_file
        size = say("{done:,.1f} of {total:,.1f} MB", done=arrived / 1e6, total=self.total / 1e6)
        detail = say("{name}: {size}", name=self.name, size=join(filter(None, (size, note)), ", "))
        self.report(Phase("Uploading", detail, arrived / max(1, self.total)))

    def keep_trying(self, work: Callable[[], T]) -> T:
        """Call it again after a broken connection; what has arrived is not sent again."""
        for wait in WAITS:
            try:
                return work()
            except Exception as error:
                if self.cancelled.is_set():
                    raise Unavailable(_stopped(self.name)) from error
                if not _is_broken(error):
                    raise
            self.tell(say("the connection broke; trying again"))
            if self.cancelled.wait(wait):
                raise Unavailable(_stopped(self.name))
        return work()


def _upload(
    name: str, folder: Path, public: bool, overwrite: bool, report: ReportProgress, cancelled: threading.Event
) -> str:
    from huggingface_hub import HfApi

    api = HfApi(token=require_token())
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    upload = _Upload(name, sum(file.stat().st_size for file in files.values()), report, cancelled)
    upload.tell()
    upload.keep_trying(functools.partial(_create, api, name, public))
    on_hub = upload.keep_trying(functools.partial(_list_files, api, name))
    missing = {path: file for path, file in files.items() if not _is_same(on_hub.get(path), file)}
    conflicting = [path for path in on_hub if path not in files or path in missing]
    if conflicting and not overwrite:
        raise BadOption(
            say(
                "{name} is on the Hub already, with other content ({other}): choose another name, or say --overwrite.",
                name=name,
                other=conflicting[0],
            )
        )
    upload.sent = upload.total - sum(file.stat().st_size for file in missing.values())
    _commit(api, upload, missing, [path for path in conflicting if path not in files])
    on_hub = upload.keep_trying(functools.partial(_list_files, api, name))
    damaged = next((path for path, file in files.items() if not _is_same(on_hub.get(path), file)), None)
    if damaged:
        raise Unavailable(
            say("{damaged} did not arrive at {name} as it is here; start the upload again.", damaged=damaged, name=name)
        )
    return page_url(name)


def _commit(api: Any, upload: _Upload, files: Mapping[str, Path], removed: Iterable[str]) -> None:
    """Send the files {path in the repository: file}, and make one commit that has them and no longer has `removed`."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations: list[Any] = [CommitOperationDelete(path) for path in removed]
    with ExitStack() as opened:
        for path, source in files.items():
            upload.tell(path)
            file = opened.enter_context(CountedFile(source, functools.partial(upload.tell, path), upload.cancelled))
            addition = CommitOperationAdd(path, file)
            upload.keep_trying(functools.partial(_send, api, upload.name, addition, file))
            operations.append(addition)
            upload.sent += file.size
            if upload.cancelled.is_set():
                raise Unavailable(_stopped(upload.name))
        upload.tell()
        if operations:
            commit = functools.partial(api.create_commit, upload.name, operations, commit_message=MESSAGE)
            upload.keep_trying(commit)


def _send(api: Any, name: str, addition: Any, file: CountedFile) -> None:
    """Send a large file; small ones go with the commit. From its beginning: a connection may have broken within it."""
    file.seek(0)
    api.preupload_lfs_files(name, [addition], free_memory=False)


def _create(api: Any, name: str, public: bool) -> None:
    """Make the repository where there is none. Raises BadOption where everybody may read the one that is there, and
    that was not asked for."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_repo(name, private=not public)
    except HfHubHTTPError as error:
        if read_status(error) != 409:
            raise
        if not public and not api.model_info(name).private:
            raise BadOption(
                say("{name} is public on the Hub: say --public if everybody may read this.", name=name)
            ) from None


def _list_files(api: Any, name: str) -> dict[str, Any]:
    """{path: what the Hub says of the file}, without what the Hub itself puts there."""
    from huggingface_hub.hf_api import RepoFile

    found = api.list_repo_tree(name, recursive=True)
    return {item.path: item for item in found if isinstance(item, RepoFile) and item.path != _OWN}


def _is_same(there: Any, file: Path) -> bool:
    """Whether a file has arrived as it is here."""
    from huggingface_hub.utils.sha import git_hash, sha_fileobj

    if there is None or there.size != file.stat().st_size:
        return False
    if there.lfs is None:
        return bool(there.blob_id == git_hash(file.read_bytes()))
    with file.open("rb") as stream:
        return bool(there.lfs.sha256 == sha_fileobj(stream).hex())


def _is_broken(error: Exception) -> bool:
    """As is_broken_connection(), also for what the Hub's client wraps into an error of its own."""
    cause = error.__cause__
    return is_broken_connection(error) or (isinstance(cause, Exception) and is_broken_connection(cause))


def _stopped(name: str) -> str:
    return say(
        "The upload of {name} was stopped; what has arrived stays there, and it goes on from here next time.", name=name
    )


def _explain(name: str, error: Exception) -> Exception:
    if isinstance(error, BadOption | Unavailable):
        return error
    status = read_status(error)
    if status == 403 or (status == 404 and _is_creating(error)):
        return Unavailable(
            say("The access token may not write to {name}: make one with the right to write there.", name=name)
        )
    if status == 409:
        return Unavailable(
            say("{name} was changed by somebody else at the same time; start the upload again.", name=name)
        )
    if status == 401 or not _is_broken(error):
        return explain_failure(name, "model", error)
    return Unavailable(
        say(
            "The connection to the Hugging Face Hub broke while {name} was uploaded; what has arrived stays "
            "there: the same command goes on from there.",
            name=name,
        )
    )


def _is_creating(error: Exception) -> bool:
    return "/repos/create" in str(getattr(getattr(error, "response", None), "url", ""))
