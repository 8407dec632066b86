"""Rows longer than a window that the config names and mlx-lm's class ignores are told before training."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.events import Warned
from core.run import Run
from core.train import train
from tests.core.conftest import only, write_model
from tests.core.model.test_load import change


@pytest.mark.parametrize(("window", "is_told"), [(4, True), (128, False)])
def test_rows_beyond_the_window_are_told(
    window: int, is_told: bool, make_run: Callable[..., Run], tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "windowed")
    change(folder, sliding_window=window, use_sliding_window=True)
    events = list(train(make_run(model={"path": str(folder)}, train={"steps": 1})))
    notes = [e.message for e in only(Warned, events) if e.code == "window"]
    assert bool(notes) == is_told
    assert all("attends to the last 4 tokens" in note for note in notes)
