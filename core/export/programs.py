"""Other programs on this computer that results go to, found also by an app that the Finder started (its PATH is
short)."""

import shutil
from pathlib import Path

_PLACES = ("/opt/homebrew/bin", "/usr/local/bin", "/opt/local/bin", "~/.local/bin")
_BUNDLES = {"ollama": "/Applications/Ollama.app/Contents/Resources/ollama"}


def find_program(name: str) -> str | None:
    """The path of a program by its command's name, or None where it is not on this computer."""
    if found := shutil.which(name):
        return found
    places = [Path(place).expanduser() / name for place in _PLACES]
    if name in _BUNDLES:
        places.append(Path(_BUNDLES[name]))
    return next((str(place) for place in places if place.is_file()), None)
