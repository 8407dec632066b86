"""Failures of the Hub's client, each as one sentence with what to do."""

import contextlib
import errno
from collections.abc import Iterator

from core.errors import BadData, BadModel, Gated, Unavailable, UserError
from core.text.sentence import say


def explain_failure(name: str, kind: str, error: Exception) -> Exception:
    """The error of ours for one of the Hub's client about the "model" or "dataset" `name`; an unknown one as it is."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        url = page_url(name, kind)
        return Gated(
            say("{name} is gated: accept its licence on {url}, and log in with `hone login`.", name=name, url=url), url
        )
    if isinstance(error, RepositoryNotFoundError):
        if kind == "model":
            words = say("There is no folder and no Hugging Face model named {name} (or it is private).", name=name)
            return BadModel(words)
        words = say("There is no folder and no Hugging Face dataset named {name} (or it is private).", name=name)
        return BadData(words)
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            say("The disk is full; {name} could not be downloaded completely. What is here is kept.", name=name)
        )
    if sentence := _explain_status(read_status(error)):
        return Unavailable(sentence)
    if isinstance(error, LocalEntryNotFoundError | HfHubHTTPError) or is_broken_connection(error):
        return Unavailable(
            say(
                "{name} is not on this machine, and the Hugging Face Hub could not be reached to download it.",
                name=name,
            )
        )
    return error


@contextlib.contextmanager
def explaining_failures(name: str, kind: str) -> Iterator[None]:
    """What the Hub's client raises inside is raised as explain_failure() gives it: ours from its, others unchanged."""
    try:
        yield
    except Exception as error:  # a sentence for each known one; others are raised as they are
        explained = explain_failure(name, kind, error)
        if explained is error:  # an error that is raised from itself would be its own cause
            raise
        raise explained from error


def page_url(name: str, kind: str = "model") -> str:
    """The page of a model or a dataset on the Hub."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"


def is_broken_connection(error: Exception) -> bool:
    """Whether another try may help: no connection, one that broke, a server in trouble, or too many requests."""
    if isinstance(error, UserError):
        return False
    status = read_status(error)
    if status is not None:
        return status == 429 or status >= 500
    return isinstance(error, ConnectionError | TimeoutError) or type(error).__module__.startswith(("httpx", "httpcore"))


def read_status(error: Exception) -> int | None:
    """The HTTP status of the answer that an error is about, or None."""
    for cause in (error, error.__cause__, error.__context__):
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
    return None


def _explain_status(status: int | None) -> str:
    if status == 401:
        return say(
            "The Hugging Face Hub does not accept the access token: make a new one, and log in with `hone login`."
        )
    if status == 403:
        return say("The Hugging Face Hub refuses this: the access token may not read it.")
    if status == 429:
        return say("The Hugging Face Hub asks to wait: too many requests came from here. Try again in some minutes.")
    if status is not None and status >= 500:
        return say("The Hugging Face Hub has trouble of its own (status {status}). Try again later.", status=status)
    return ""
