"""From a file to Done with the real core and the starter model, for each method: through the steps of the window."""

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.new_run.check import MEASURED
from app.pages.run import RunPage
from app.shell.window import MainWindow
from app.threads.run_thread import train_events
from core import methods
from core.resources import FOLDER

pytestmark = pytest.mark.usefixtures("idle_work")

STEPS = 3
_FILES = {"dpo": "pairs", "simpo": "pairs", "orpo": "pairs", "kto": "thumbs", "grpo": "questions", "dapo": "questions"}
_SAMPLED = {"options.group_size": 2, "options.max_completion_length": 12, "options.eval_questions": 2}
_OPTIONS = {"grpo": _SAMPLED, "dapo": _SAMPLED | {"options.refills": 1}, "distill": {"options.teacher": "starter"}}


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(methods.load()))
def test_from_a_file_to_done(qtbot: QtBot, window: MainWindow, tmp_path: Path, method: str) -> None:
    window.runs.train_events = train_events
    file = tmp_path / "mine.jsonl"
    shutil.copy(FOLDER / "data" / f"{_FILES.get(method, 'text')}.jsonl", file)
    file.write_text("\n".join(file.read_text(encoding="utf-8").splitlines()[:60]), encoding="utf-8")
    wizard = window.wizard
    window.open_files([file])  # as a drop does
    wizard.show_named("goal")
    wizard.goal.cards.cards[method].radio.click()
    assert window.draft.run.method == method
    for key, value in {"train.epochs": None, "train.steps": STEPS, "train.samples": 1, "train.batch_size": 2}.items():
        window.draft.set(key, value)
    for key, value in _OPTIONS.get(method, {}).items():
        window.draft.set(key, value)
    for step in (wizard.data, wizard.model, wizard.settings, wizard.check):
        wizard.next_button.click()
        assert wizard.current is step
        qtbot.waitUntil(lambda: not wizard.current.blocked_reason(), timeout=60_000)
    check = wizard.check
    qtbot.waitUntil(lambda: MEASURED in check.answers, timeout=120_000)  # real steps, before the run is started
    assert check.start_button.isEnabled()
    check.start_button.click()
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None, timeout=300_000)
    assert not page.record.problem and page.record.finished is not None
    assert (page.record.finished.reason, page.record.finished.step) == ("done", STEPS)
    assert page.tabs.result.isVisible() and page.tabs.result.chat_button.isVisible()
    assert (page.folder / "adapters.safetensors").is_file()
    lines = (page.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    recorded = [json.loads(line) for line in lines]
    assert [event["step"] for event in recorded if event["event"] == "Step"] == list(range(1, STEPS + 1))


def test_own_data_train_four_clicks_after_the_drop(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    shutil.copy(FOLDER / "data" / "questions.jsonl", file)
    window.open_files([file])  # as a drop does
    wizard, clicks = window.wizard, 0
    while window.jobs.current is None:
        qtbot.waitUntil(lambda: not wizard.current.blocked_reason(), timeout=60_000)
        button = wizard.check.start_button if wizard.current is wizard.check else wizard.next_button
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        clicks += 1
    assert clicks == 4
    assert window.draft.run.data.path == str(file)
