"""PySide's own Python modules, compiled beforehand for a frozen app.

They lie as source in a zip inside shiboken6, which compiles them anew at each start: 100 million instructions, a
twentieth of what Hone takes until its window stands. Where a folder `files.dir` lies beside shiboken6, it imports them
from there (PySide 6.11, signature_bootstrap.py: find_incarnated_files). Only a frozen app gets the folder: elsewhere a
newer PySide would meet an older one's.
"""

import compileall
import sys
from pathlib import Path
from py_compile import PycInvalidationMode


def write_support(folder: Path) -> Path:
    """Write the modules and their compiled forms into a folder, which is returned. Raises OSError where that fails."""
    import PySide6.QtCore  # noqa: F401  which loads them

    archive = sys.modules["shibokensupport.signature.loader"].__loader__.zfile  # type: ignore[union-attr]
    archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".py")])
    # Copies have a time of their own, so the compiled ones are not to be compared with the sources.
    if not compileall.compile_dir(folder, quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH):
        raise OSError(f"{folder} cannot be compiled.")
    return folder


if __name__ == "__main__":  # in a process of its own, as PySide changes how Python imports
    write_support(Path(sys.argv[1]))
