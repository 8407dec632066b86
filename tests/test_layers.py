"""Who may import whom: the contracts in pyproject.toml hold, and they would notice if they did not."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# One file for each contract that breaks it; an import inside a function counts like any other.
BREAKS = {
    "core-rooms": ("core/model/breaks.py", "from core import run"),
    "data-rooms": ("core/data/read/breaks.py", "from core.data import preview"),
    "app-rooms": ("app/widgets/breaks.py", "from app import pages"),
    "no-window": ("core/data/read/breaks.py", "def show():\n    import PySide6"),
    "no-mlx": ("core/data/read/breaks.py", "def convert():\n    import mlx.core"),
    "specs-only": ("core/run/run.py", "import core.model.load"),
    "one-worker": ("app/shell/breaks.py", "def load():\n    from core.model import load"),
}


def lint(folder: Path, *contracts: str) -> tuple[int, str]:
    """(exit code, report) of the import linter on the packages in a folder."""
    chosen = [word for contract in contracts for word in ("--contract", contract)]
    process = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache", *chosen],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return process.returncode, process.stdout + process.stderr


def test_the_contracts_hold() -> None:
    code, report = lint(ROOT)
    assert code == 0, report


def test_every_contract_has_a_file_that_breaks_it() -> None:
    contracts = re.findall(r'^id = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert contracts == list(BREAKS)


@pytest.mark.parametrize("contract", BREAKS)
def test_the_contract_notices(contract: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("core", "app"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    name, line = BREAKS[contract]
    with (tmp_path / name).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    code, report = lint(tmp_path, contract)
    assert code == 1 and "Contracts: 0 kept, 1 broken." in report, report


def loaded_by(statement: str) -> set[str]:
    """The modules in memory after a statement in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(process.stdout.split())


HEAVY = {"mlx.core", "mlx_lm", "transformers", "huggingface_hub"}


def test_describing_a_run_is_quick() -> None:
    loaded = loaded_by("import core.run, core.events\nfrom core import methods\nmethods.load()")
    assert "core.methods.sft" in loaded
    assert not loaded & (HEAVY | {"numpy", "PySide6"})


def test_no_file_of_the_window_loads_mlx() -> None:
    loaded = loaded_by(
        "import importlib, pkgutil, app\n"
        "for module in pkgutil.walk_packages(app.__path__, 'app.'):\n"
        "    importlib.import_module(module.name)"
    )
    assert "app.threads.run_thread" in loaded
    assert not loaded & HEAVY
