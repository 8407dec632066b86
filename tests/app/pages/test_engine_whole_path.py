"""A real run in the window on a made-up Mac, where an evaluator in NumPy stands for Core ML."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.shell.window import MainWindow
from core.ane.program_cache import ProgramCache
from core.ane.selection import Trial
from core.ane.verdict_cache import VerdictCache
from core.device.neural_engine import Host
from core.run import Run
from core.train import train
from core.training import ane_setup
from tests.core.ane.conftest import FACTS, QUICK
from tests.core.ane.evaluator import Evaluator
from tests.core.conftest import write_model, write_rows


@pytest.fixture
def start(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """Trains and gives (the badge, the line of the Neural Engine) of the run's page."""

    def go(**adapter: str) -> tuple[str, str]:
        trial = Trial(lambda block, n: (None, dict(FACTS)), lambda *block: QUICK, VerdictCache(tmp_path / "v"))
        programs = ProgramCache(tmp_path / "programs")
        mac = ane_setup.Machine(Host("darwin", "arm64", "26.1", True), trial, Evaluator, programs)
        monkeypatch.setattr(ane_setup, "this_machine", lambda: mac)
        window.runs.train_events = lambda run: lambda stop, save_now: train(run, stop, save_now=save_now)
        model, rows = write_model(tmp_path / "model"), write_rows(tmp_path / "rows.jsonl")
        run = Run.from_dict(
            {
                "model": {"path": str(model)},
                "data": {"path": str(rows), "max_seq_len": 128},
                "train": {"steps": 2, "batch_size": 4, "samples": 0},
                "adapter": adapter,
                "backend": "ane",
            }
        )
        page = window.runs.start(run)
        qtbot.waitUntil(lambda: page._is_over, timeout=60_000)
        assert not page.record.problem
        return page.badge.text(), page.progress.engine.text()

    return go


@pytest.mark.slow
def test_a_run_with_the_engine(start: Callable[..., tuple[str, str]]) -> None:
    badge, line = start()
    assert badge == "Neural Engine · CPU (MLX) · float32"
    assert line.splitlines() == [
        "Forward pass: Core ML, planned 97% on the Neural Engine; gradients, head and loss: CPU. "
        "Experimental, not yet verified on hardware.",
        "Forward pass, validation: Neural Engine (asked: Neural Engine). Core ML, planned 97% on the Neural Engine.",
        "Gradients: CPU (asked: Neural Engine). A program computes forward only.",
        "Head and loss: CPU (asked: Neural Engine). A vocabulary is wider than a program's layers may be.",
    ]


@pytest.mark.slow
def test_a_run_that_asked_for_it_in_vain(start: Callable[..., tuple[str, str]]) -> None:
    badge, line = start(type="dora")
    assert badge == "CPU (MLX) · float32 · not as asked"
    assert line.startswith("Neural Engine: not used. DoRA is not supported there; LoRA is. Experimental")
