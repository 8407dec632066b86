"""The Result tab: the verdict in the tone that the core gives it."""

import pytest
from pytestqt.qtbot import QtBot

from app.shell.window import MainWindow
from core.run import Run
from tests.app.conftest import CAVEAT, play_script


@pytest.mark.parametrize(("caveat", "tone"), [("", "good"), (CAVEAT, "warn")])
def test_answers_of_no_use_make_the_verdict_amber(qtbot: QtBot, window: MainWindow, caveat: str, tone: str) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5, caveat)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and page.result.isVisible())
    assert page.result.verdict.text() == f"Better on unseen examples: 2.41 → 0.57. {caveat}".strip()
    assert page.result.tone == tone
