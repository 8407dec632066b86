"""Folders that belong to another user, for tests: closed to everybody else, or open to be read."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def as_somebody_else(folder: Path, *, readable: bool) -> Iterator[Path]:
    """Within it, a copy of `folder` that is another user's; an administrator becomes nobody meanwhile.

    What the code under test imports has to be imported before: nobody may not read it.
    """
    top = Path(tempfile.mkdtemp(prefix="hone-other-"))
    copy = top / folder.name
    is_admin = os.geteuid() == 0
    try:
        shutil.copytree(folder, copy)
        top.chmod(0o755)
        folders = [copy, *(path for path in copy.rglob("*") if path.is_dir())]
        files = [path for path in copy.rglob("*") if path.is_file()]
        for path in files:
            path.chmod(0o444 if readable else 0o400 if is_admin else 0o000)
        for path in reversed(folders):
            path.chmod(0o555 if readable else 0o500 if is_admin else 0o000)
        if is_admin:
            os.setresuid(NOBODY, NOBODY, 0) if hasattr(os, "setresuid") else os.seteuid(NOBODY)
        yield copy
    finally:
        if is_admin:
            os.setresuid(0, 0, 0) if hasattr(os, "setresuid") else os.seteuid(0)
        for path, _, _ in os.walk(top, onerror=None):  # from above, each before what lies in it
            os.chmod(path, 0o700)
            for name in os.listdir(path):
                os.chmod(os.path.join(path, name), 0o700)
        shutil.rmtree(top)
