"""Show a file or folder in the Finder, or in the desktop's own file manager."""

import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from app.desktop.language import tr

REVEAL_LABEL = tr("Show in Finder") if sys.platform == "darwin" else tr("Show in folder")


def reveal(path: Path) -> None:
    """Open the folder that holds `path`, with it marked where the desktop can do that; of what is gone, the folder that
    it was in."""
    path = next((place for place in (path, *path.parents) if place.exists()), path)
    if sys.platform == "darwin":
        subprocess.run(["/usr/bin/open", "-R", str(path)], check=False)
        return
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))
