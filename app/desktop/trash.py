"""Files and folders into the system's trash."""

from pathlib import Path

from PySide6.QtCore import QFile


def move_to_trash(path: Path) -> Path | None:
    """Move a file or a folder to the trash; returns where it lies there. Raises OSError where that fails.

    None where the system does not tell.
    """
    file = QFile(str(path))
    if not file.moveToTrash():
        raise OSError(None, file.errorString(), str(path))
    place = file.fileName()  # Qt has put the new place there
    return Path(place) if place and place != str(path) else None
