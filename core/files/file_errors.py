"""What the system has refused to read or write, as one sentence for a person."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import BadOption, Unavailable
from core.text.sentence import say


@contextmanager
def explain(path: Path) -> Iterator[None]:
    """Turn an error of the operating system about a path into Unavailable or BadOption, with one sentence."""
    try:
        yield
    except OSError as error:
        place = error.filename or path
        if refused := refusal(error, path):
            raise refused from None
        if error.errno in (errno.ENOTDIR, errno.EEXIST):
            raise BadOption(say("{place} is a file, where a folder is needed.", place=place)) from None
        if error.errno in (errno.ENOENT, errno.ESTALE):
            raise Unavailable(say("{place} is gone: it was moved or removed meanwhile.", place=place)) from None
        raise Unavailable(say("{place} could not be read or written: {reason}.", place=place, reason=error)) from None


def refusal(error: OSError, path: Path | None = None) -> Unavailable | None:
    """What a person should know where the system has refused to read or write, or a disk is full; None for any other
    error, or where there is no file to name. `path` is what was to be read or written, where that is known."""
    place = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else path
    if place is None:
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            say("The disk is full; {needed} could not be written. What was saved before is kept.", needed=path or place)
        )
    if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return None
    if place.name.startswith(".hone-") or (place.name.startswith(".") and ".partial" in place.name):
        place = place.parent  # a temporary name tells nobody anything
    if error.errno == errno.EROFS or _may_read(place):
        return Unavailable(say("There is no permission to write to {place}.", place=place))
    return Unavailable(say("There is no permission to read {place}.", place=place))


def _may_read(path: str | bytes | Path) -> bool:
    """Whether a file or folder may be read, or would be if it were there."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
