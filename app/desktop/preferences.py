"""What the window remembers from one start to the next: its theme, size and last folder."""

from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSettings


def data_folder() -> Path:
    """Hone's data folder: the draft and, unless told otherwise, the runs."""
    return Path(platformdirs.user_data_dir("Hone", appauthor=False))


def _store() -> QSettings:
    return QSettings(str(data_folder() / "window.ini"), QSettings.Format.IniFormat)


def theme() -> str:
    return str(_store().value("theme", "system"))


def set_theme(mode: str) -> None:
    _store().setValue("theme", mode)


def geometry() -> QByteArray | None:
    """The window's place and size as QWidget.saveGeometry() gave them."""
    value = _store().value("geometry")
    return value if isinstance(value, QByteArray) else None


def set_geometry(value: QByteArray) -> None:
    _store().setValue("geometry", value)


def last_folder() -> str:
    """Where the person last chose a file."""
    return str(_store().value("folder", str(Path.home())))


def set_last_folder(path: str) -> None:
    _store().setValue("folder", path)
