"""Pausing a run in the window: its card, what can be changed, going on, ending and throwing away."""

import time
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.pages import delete_runs, discard
from app.pages import run as run_page
from app.pages.run import RunPage
from app.runs import deletion, history
from app.runs.health import LOWER
from app.shell.window import MainWindow
from app.threads import core_calls
from app.threads.run_thread import EventSource, train_events
from app.widgets.message_box import MessageBox
from core.events import Resumed, Step
from core.run import Run
from core.run.folder import RUN
from tests.app.conftest import play_script, started_event, step_event

AT = 10  # the step at which the run waits to be told what to do


def held_events(run: Run) -> EventSource:
    """A script of 30 steps that stands at step 10 until it is stopped or paused."""

    def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
        for event in play_script(run, stop, save_now, steps=30):
            yield event
            while isinstance(event, Step) and event.step == AT and not stop.is_set():
                time.sleep(0.005)

    return events


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, dataset: Path) -> RunPage:
    """The page of a run that stands at step 10."""
    window.runs.train_events = held_events
    page = window.runs.start(Run().replace("data.path", str(dataset)))
    qtbot.waitUntil(lambda: page.record.last_step is not None and page.record.last_step.step == AT)
    qtbot.waitUntil(page.buttons.pause.isEnabled)
    return page


@pytest.fixture
def paused(qtbot: QtBot, window: MainWindow, page: RunPage) -> RunPage:
    page.buttons.pause.click()
    qtbot.waitUntil(lambda: window.jobs.current is None)
    return page


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(run_page, "ask_to_discard", lambda parent, title, answered: answered(answer))


def test_a_run_pauses_and_the_next_one_begins(
    qtbot: QtBot, window: MainWindow, page: RunPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_calls, "process_memory", lambda: 200 << 20)  # this process has other tests behind it
    second = window.runs.start(Run())
    window.runs.show_current()
    page.buttons.pause.click()
    assert page.health.sentence.text().startswith("Pausing: the run finishes this step")
    assert not page.buttons.pause.isEnabled() and not page.buttons.checkpoint.isEnabled()
    assert page.buttons.pause.toolTip() == page.buttons.checkpoint.toolTip() == "It is pausing."
    qtbot.waitUntil(lambda: page.record.paused is not None and window.jobs.current is second.live)
    assert page.progress.phase.text() == "Paused" and page.record.checkpoints == [AT]
    assert page.pause_card.isVisible() and not page.health.isVisible() and not page.buttons.resume.isVisible()
    assert page.pause_card.sentence.text().startswith("Paused at step 10 of 30. Its checkpoint holds all")
    assert "The memory is free again: Hone held 1.00 GB" in page.pause_card.sentence.text()
    assert not any(b.isVisible() for b in (page.buttons.pause, page.buttons.stop, page.buttons.checkpoint))
    assert window.runs.show_folder(page.folder) is page
    qtbot.waitUntil(lambda: second.record.last_step is not None)
    window.jobs.stop_all()


def test_it_goes_on_in_its_page_with_what_was_changed(qtbot: QtBot, window: MainWindow, paused: RunPage) -> None:
    asked: list[Any] = []

    def resume_events(path: str, accept_changes: bool, changes: dict[str, Any]) -> EventSource:
        asked.append((path, changes))

        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            yield replace(started_event(paused.run, 35), first_step=AT + 1)
            yield Resumed(AT, {"train.learning_rate": [2e-4, 1e-4], "train.steps": [30, 35]})
            yield from (step_event(n) for n in range(AT + 1, 36))

        return events

    window.runs.resume_events = resume_events
    card = paused.pause_card
    assert card.rate.text() == "0.002" and card.resume_button.text() == "Resume"
    card.rate.setText("0.001")
    card.extra.setText("5")
    assert card.plan.text() == (
        "It goes on from step 11 to 35. The learning rate is 0.001 in place of 0.002. "
        "Its schedule (Cosine) is laid over all 35 steps."
    )
    card.resume_button.click()
    assert asked == [(str(paused.folder), {"train.learning_rate": 1e-3, "train.steps": 35})]
    assert window.stack.currentWidget() is paused and not card.isVisible()
    qtbot.waitUntil(lambda: window.jobs.current is None)
    assert [int(x) for x in paused.record.loss.x] == list(range(1, 36))
    assert paused.record.changes == [(AT, "learning rate 0.0001 (0.0002 before), steps 35 (30 before)")]


def test_a_value_that_cannot_be_is_said_and_marked(paused: RunPage) -> None:
    card = paused.pause_card
    for text, sentence in (
        ("-1", "Learning rate is -1"),
        ("0", "Learning rate must be above 0."),
        ("fast", "a number"),
    ):
        card.rate.setText(text)
        assert sentence in card.plan.text() and card.rate.is_wrong and not card.resume_button.isEnabled()
    card.rate.setText("0.001")
    card.extra.setText("2000000000")
    assert card.extra.is_wrong and "but can be 1,000,000 at most" in card.plan.text()
    card.extra.setText("2.5")
    assert card.extra.is_wrong and not card.rate.is_wrong and "a whole number of steps" in card.plan.text()
    card.unit.setCurrentIndex(1)
    card.unit.activated.emit(1)
    assert not card.extra.is_wrong and card.resume_button.isEnabled()
    assert "to 55" in card.plan.text()  # 10 steps an epoch


def test_return_in_a_field_resumes_with_what_stands_there(qtbot: QtBot, paused: RunPage) -> None:
    card, resumed = paused.pause_card, []
    paused.resume.disconnect()
    paused.resume.connect(lambda folder, changes: resumed.append(changes))
    card.rate.setText("nothing")
    qtbot.keyClick(card.rate, Qt.Key.Key_Return)
    assert resumed == []
    card.rate.setText("0.001")
    qtbot.keyClick(card.rate, Qt.Key.Key_Return)
    assert resumed == [{"train.learning_rate": 0.001}]


def test_the_health_strip_leads_to_a_lower_rate(qtbot: QtBot, window: MainWindow, page: RunPage) -> None:
    for n in range(AT + 1, 30):
        page.record.add(step_event(n, 1.0 + n))
    page._draw()
    assert page.health.tone == "warn" and page.health.button.text() == "Lower the learning rate…"
    assert page.health.action == LOWER
    page.record.add(step_event(AT))
    page.health.button.click()
    qtbot.waitUntil(lambda: page.pause_card.isVisible())
    assert page.pause_card.rate.text() == "0.001" and page.pause_card.rate.hasFocus()
    assert "The learning rate is 0.001 in place of 0.002." in page.pause_card.plan.text()


@pytest.mark.parametrize("is_paused", [False, True])
def test_discard_moves_the_folder_to_the_trash(
    qtbot: QtBot, window: MainWindow, page: RunPage, monkeypatch: pytest.MonkeyPatch, is_paused: bool
) -> None:
    if is_paused:
        page.buttons.pause.click()
        qtbot.waitUntil(lambda: page.pause_card.isVisible())
    answering(monkeypatch, "")
    page.discard()
    folder = page.folder
    assert folder.is_dir() and (is_paused or (page.live is not None and not page.live.is_stopping))
    answering(monkeypatch, discard.TRASH)
    page.discard()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.runs_page and window.jobs.current is None)
    qtbot.waitUntil(lambda: not folder.exists())
    assert window.runs.unseen_run is None
    (found,) = Path.home().rglob(f"{folder.name}/{RUN}")
    assert "rash" in str(found)
    bar = window.runs_page.deleted_bar
    assert bar.isVisible() and "1 run is in the Trash" in bar.sentence.text()
    bar.undo_button.click()
    assert (folder / RUN).is_file() and bar.isHidden()
    table = window.runs_page.table
    qtbot.waitUntil(lambda: table.model().rowCount() == 1)


def test_a_folder_that_cannot_be_moved_stays_until_the_person_says_otherwise(
    qtbot: QtBot, paused: RunPage, monkeypatch: pytest.MonkeyPatch, window: MainWindow
) -> None:
    def fail(path: Path) -> None:
        raise OSError(None, "There is no trash.", str(path))

    monkeypatch.setattr(deletion, "move_to_trash", fail)
    asked: list[int] = []
    monkeypatch.setattr(delete_runs, "confirm_deletion", lambda parent, count, delete: asked.append(count))
    answering(monkeypatch, discard.TRASH)
    paused.discard()
    assert asked == [1] and paused.folder.is_dir()
    qtbot.waitUntil(lambda: window.runs_page.table.model().rowCount() == 1)


def test_only_ending_it(qtbot: QtBot, window: MainWindow, page: RunPage, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, discard.END)
    page.discard()
    qtbot.waitUntil(lambda: page.record.finished is not None and window.jobs.current is None)
    assert page.record.finished is not None and page.record.finished.reason == "stopped" and page.folder.is_dir()


def test_a_paused_run_is_ended(qtbot: QtBot, window: MainWindow, paused: RunPage) -> None:
    asked: list[bool] = []

    def resume_events(path: str, ends: bool) -> EventSource:
        asked.append(ends)

        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            stop.set()
            yield from play_script(paused.run.replace("output", path), stop, save_now)

        return events

    window.runs.resume_events = resume_events
    paused.pause_card.end_button.click()
    assert paused.live is not None and paused.live.is_stopping
    qtbot.waitUntil(lambda: paused.record.finished is not None and window.jobs.current is None)
    assert asked == [True] and paused.progress.phase.text() == "Stopped and kept" and not paused.pause_card.isVisible()


def test_the_run_menu(qtbot: QtBot, window: MainWindow, page: RunPage) -> None:
    actions = window.menus.actions
    keys = [a.shortcut().toString() for a in (actions.start, actions.pause, actions.stop, actions.checkpoint)]
    assert keys == ["Ctrl+R", "Ctrl+Shift+P", "Ctrl+.", "Ctrl+K"]
    assert actions.pause.isEnabled()
    window.menus.run_menu.aboutToShow.emit()
    assert actions.pause.isEnabled() and actions.checkpoint.isEnabled()
    actions.pause.trigger()
    qtbot.waitUntil(lambda: page.record.paused is not None and window.jobs.current is None)
    assert not actions.pause.isEnabled()
    window.menus.run_menu.aboutToShow.emit()
    assert [action.toolTip() for action in actions.of_runs] == ["No run is training."] * 3


def test_a_paused_run_on_disk(window: MainWindow, paused: RunPage) -> None:
    (paused.folder / "checkpoints" / "step-0000010").mkdir(parents=True)
    entry = history.read_entry(paused.folder)
    assert entry is not None and (entry.status, entry.resumable, entry.seconds) == ("paused", True, 1.0)
    assert [run.step for run in history.list_interrupted(history.list_runs(paused.folder.parent))] == [10]
    window.runs.forget(paused.folder)
    page = window.runs.show_folder(paused.folder)
    assert page.pause_card.isVisible() and page.progress.phase.text() == "Paused"
    assert "The memory" not in page.pause_card.sentence.text()


@pytest.mark.slow
def test_with_the_real_core_it_pauses_goes_on_and_ends(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    """The starter model: pause behind a step, go on with a higher rate, pause again, and end without another step."""
    window.runs.train_events = train_events
    run = Run().replace("train.epochs", None).replace("output", str(tmp_path / "run"))
    for key, value in {"train.steps": 400, "train.samples": 0, "data.eval_split": 0.02}.items():
        run = run.replace(key, value)
    page = window.runs.start(run)
    for changes in ({}, {"train.learning_rate": 5e-3}):
        qtbot.waitUntil(page.buttons.pause.isEnabled, timeout=60_000)
        qtbot.waitUntil(lambda: page.live is not None and page.record.is_training, timeout=60_000)
        page.pause()
        qtbot.waitUntil(page.pause_card.isVisible, timeout=60_000)
        if not changes:
            page.pause_card.rate.setText("0.005")
            page.pause_card.resume_button.click()
    step = page.record.paused.step if page.record.paused else 0
    page.pause_card.end_button.click()
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None, timeout=60_000)
    assert page.record.finished is not None and page.record.finished.reason == "stopped"
    assert page.record.finished.step == step and (page.folder / "adapters.safetensors").is_file()
    assert Run.read(page.folder / RUN).train.learning_rate == 5e-3
    assert [words for _, words in page.record.changes] == ["learning rate 0.005 (0.002 before)"]
    assert [int(x) for x in page.record.loss.x] == list(range(1, step + 1))


def test_return_keeps_a_run_that_one_is_asked_about_discarding(qtbot: QtBot, window: MainWindow) -> None:
    answers: list[str] = []
    discard.ask_to_discard(window, "A run", answers.append)
    (box,) = window.findChildren(MessageBox)
    qtbot.waitUntil(box.isVisible)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: answers == [""])
