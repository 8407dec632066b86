"""Delete the folders of runs, into the Trash and back, or for good; never of one that is being trained in.

Downloaded models too, into the Trash and back.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.desktop.language import tr
from app.desktop.trash import move_to_trash
from core.errors import Unavailable
from core.files.file_errors import explain
from core.run.lock import RunLock


@dataclass(frozen=True)
class Trashed:
    """A folder in the Trash: where it was, and where it is now; None where the system does not say."""

    folder: Path
    place: Path | None


def trash_run(folder: Path) -> Trashed | None:
    """Move a run's folder to the Trash; None where that is not possible. Raises BadOption where it is trained in."""
    lock = RunLock(folder)
    lock.acquire()  # nobody begins to train in it meanwhile
    try:
        place = move_to_trash(folder)
    except OSError:
        return None
    finally:
        lock.release()
    return Trashed(folder, place if place is not None and place.is_dir() else None)


def trash_model(folder: Path) -> Trashed:
    """Move what was downloaded of a model to the Trash. Raises Unavailable where that is not possible."""
    try:
        place = move_to_trash(folder)
    except OSError as error:
        raise Unavailable(
            tr("{folder} could not be moved to the Trash: {reason}.", folder=folder, reason=error)
        ) from None
    return Trashed(folder, place if place is not None and place.is_dir() else None)


def delete_for_good(folder: Path) -> None:
    """Delete a run's folder. Raises BadOption where it is trained in, Unavailable where that is not permitted."""
    lock = RunLock(folder)
    lock.acquire()
    try:
        with explain(folder):
            shutil.rmtree(folder)
    finally:
        lock.release()


def put_back(trashed: Trashed) -> None:
    """Move a folder back out of the Trash. Raises Unavailable where it is no longer there."""
    if trashed.place is None or not trashed.place.is_dir():
        raise Unavailable(tr("{name} is no longer in the Trash.", name=trashed.folder.name))
    if trashed.folder.exists():
        raise Unavailable(
            tr("There is another {folder} now; what was deleted stays in the Trash.", folder=trashed.folder)
        )
    with explain(trashed.folder):
        shutil.move(trashed.place, trashed.folder)
    info = trashed.place.parent.parent / "info" / f"{trashed.place.name}.trashinfo"
    with suppress(OSError):  # a Linux desktop keeps a note about what lies in its Trash
        info.unlink()
