"""The thin app's launcher with the real uv and the real project, macOS alone being played by small scripts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.thin import ROOT, Mac

# uv for this system, with the Python that is here: the one that uv would fetch for a Mac comes from elsewhere.
UV = """
for word; do
    shift
    case $word in --managed-python) ;; 3.13) set -- "$@" "{python}" ;; *) set -- "$@" "$word" ;; esac
done
UV_CACHE_DIR="{cache}" exec "{uv}" "$@"
"""


@pytest.mark.slow
def test_from_the_first_start_to_a_repair(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the PATH")
    mac = Mac(tmp_path)
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    mac.script(mac.contents / "Helpers/uv", UV.format(python=sys.executable, cache=cache, uv=uv))
    project = mac.contents / "Resources/project"
    shutil.rmtree(project)
    for name in ("core", "app", "resources"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "uv.lock", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project / name)

    assert mac.start("hone", "--version")[:2] == (0, "hone 0.1.0")
    environment = mac.support / "environments/0.1.0-aaaa"
    site = next(environment.glob(".venv/lib/python*/site-packages"))
    assert (site / "PySide6").is_dir() and not (site / "pytest").exists()
    help_text = "a dataset, a model folder"
    shutil.rmtree(site / "PySide6")
    code, out, err = mac.start("--help")  # the window imports all of Qt before it reads its arguments
    assert (code, err) == (0, "") and help_text in out
    assert (site / "PySide6").is_dir()
    assert "as the one that was there does not start: ModuleNotFoundError: No module named 'PySide6" in mac.log()
