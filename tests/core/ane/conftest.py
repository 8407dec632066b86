"""A made-up Mac, where an evaluator in NumPy stands for Core ML."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.ane.selection import Trial
from core.ane.verdict_cache import VerdictCache
from core.device.neural_engine import Host
from core.training import ane_setup
from tests.core.ane.evaluator import Evaluator

MAC = Host("darwin", "arm64", "26.1", True)
FACTS = {"seconds": 5.0, "planned_share": 0.97, "error": 5e-4}


@pytest.fixture
def use_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts a Mac in the place of this machine; its parts can be others."""

    def use(load: Any = Evaluator, objection: Any = None, seconds: Any = (5.0, 20.0), host: Host = MAC) -> None:
        trial = Trial(lambda block, n: (objection, dict(FACTS)), lambda block, n: seconds, VerdictCache(tmp_path / "v"))
        monkeypatch.setattr(ane_setup, "this_machine", lambda: ane_setup.Machine(host, trial, load))

    return use
