"""A run's page: live, stopped, failed, queued, and drawn from its folder."""

import time
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.pages.run import RunPage
from app.pages.run_progress import RunProgress
from app.runs.live_run import LiveRun
from app.runs.record import RunRecord
from app.runs.run_state import RunState
from app.shell import dialogs
from app.shell.window import MainWindow
from app.threads.run_thread import EventSource
from app.widgets.message_box import MessageBox
from core.errors import ChangedInputs, Unavailable
from core.events import Event, Phase, Step
from core.run import Run
from core.run.lock import RunLock
from tests.app.conftest import play_script, started_event, step_event


def pausing_events(run: Run) -> tuple[EventSource, Flag]:
    """A script that goes on only when the flag is set, or when it is stopped."""
    go = Flag()

    def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
        for event in play_script(run, stop, save_now, steps=30):
            yield event
            while isinstance(event, Step) and event.step == 10 and not (go.is_set() or stop.is_set()):
                if save_now.is_set():
                    break
                time.sleep(0.005)

    return events, go


@pytest.fixture
def live(qtbot: QtBot, window: MainWindow, dataset: Path) -> tuple[RunPage, Flag]:
    """A run that stands at step 10."""
    flags: list[Flag] = []

    def train_events(run: Run) -> EventSource:
        events, go = pausing_events(run)
        flags.append(go)
        return events

    window.runs.train_events = train_events
    page = window.runs.start(Run().replace("data.path", str(dataset)))
    qtbot.waitUntil(lambda: page.record.last_step is not None and page.record.last_step.step == 10)
    return page, flags[0]


def test_a_live_run_shows_where_it_is(qtbot: QtBot, window: MainWindow, live: tuple[RunPage, Flag]) -> None:
    page, go = live
    qtbot.waitUntil(lambda: page.progress.steps.text().startswith("Step 10 of 30"))
    assert page.progress.phase.text() == "Training"
    assert page.badge.text() == "CPU (MLX) · float32"
    assert page.progress.bar.value() == 333
    qtbot.waitUntil(lambda: page.tabs.charts.loss is not None, timeout=20_000)  # it imports pyqtgraph
    qtbot.waitUntil(lambda: "Training loss" in page.tabs.charts.loss.accessibleDescription())
    assert len(page.record.loss) == 10
    qtbot.waitUntil(lambda: "Step 10" in window.sidebar.detail.text())
    go.set()
    qtbot.waitUntil(lambda: page.record.is_over)
    qtbot.waitUntil(lambda: not window.sidebar.card.isVisible())


def test_stop_and_keep(
    qtbot: QtBot, window: MainWindow, live: tuple[RunPage, Flag], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, _ = live
    qtbot.waitUntil(lambda: page.progress.steps.text().startswith("Step 10 of 30"))
    assert page.live is not None
    window.status.show_progress()
    assert "left, until" in page.progress.times.text() and window.sidebar.detail.text().endswith(" left")
    page.buttons.stop.click()
    window.status.show_progress()
    assert " left" not in page.progress.times.text() + window.sidebar.detail.text()  # it takes no step more
    assert page.buttons.stop.isEnabled() and page.buttons.stop.text() == "Skip the rest"
    assert page.health.sentence.text().startswith("Stopping: the run finishes this step and saves it, then validates")
    with monkeypatch.context() as patch:
        patch.setattr(LiveRun, "is_running", True)  # the script may be at its end already
        page.buttons.stop.click()
    assert page.live.run_thread.stop.skips and not page.buttons.stop.isEnabled()
    qtbot.waitUntil(lambda: page.tabs.stack.currentWidget() is page.tabs.result)
    assert page.progress.phase.text() == "Stopped and kept"
    assert page.buttons.resume.isVisible()
    assert window.jobs.current is None


def test_checkpoint_now(qtbot: QtBot, live: tuple[RunPage, Flag]) -> None:
    page, go = live
    qtbot.waitUntil(page.buttons.checkpoint.isEnabled)
    page.buttons.checkpoint.click()
    assert page.buttons.checkpoint.text() == "Saving…"
    qtbot.waitUntil(lambda: page.record.checkpoints == [10])
    assert page.live is not None
    qtbot.waitUntil(lambda: page.live is not None and not page.live.is_saving)
    go.set()
    qtbot.waitUntil(lambda: page.record.is_over)


def test_a_second_run_waits_for_the_first(qtbot: QtBot, window: MainWindow, live: tuple[RunPage, Flag]) -> None:
    first, go = live
    second = window.runs.start(Run())
    third = window.runs.start(Run())
    qtbot.waitUntil(lambda: second.progress.phase.text() == "Waiting for the run before it")
    assert not second.progress.times.isVisibleTo(second.progress)
    third.buttons.stop.click()
    assert third.record.problem == "Taken out of the queue before it began."
    window.runs.train_events = None  # the third never asks for events
    go.set()
    qtbot.waitUntil(lambda: first.record.is_over and window.jobs.current is not None)
    qtbot.waitUntil(lambda: window.jobs.current is None or window.jobs.current.stop() is None)
    qtbot.waitUntil(lambda: second.record.is_over)


@pytest.mark.parametrize("failing_step", [0, 5])
def test_a_users_mistake_is_a_message_and_nothing_is_lost(
    qtbot: QtBot, window: MainWindow, dataset: Path, failing_step: int
) -> None:
    sentence = "The disk is full: adapters.safetensors needs 4 MB and 1 MB are free."

    def train_events(run: Run) -> EventSource:
        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            yield Phase("Preparing data")
            if failing_step:
                yield started_event(run)
                yield from (step_event(n) for n in range(1, failing_step + 1))
            raise Unavailable(sentence)

        return events

    window.runs.train_events = train_events
    window.draft.set("data.path", str(dataset))
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.notice.isVisible())
    assert page.notice.sentence.text() == sentence
    assert page.progress.phase.text() == "Stopped by a problem"
    assert len(page.record.loss) == failing_step
    page.train_again.emit(page.run)
    assert window.stack.currentWidget() is window.wizard
    assert window.draft.run.data.path == str(dataset)


def test_a_bug_is_told_once_and_the_window_lives(
    qtbot: QtBot, window: MainWindow, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_events(run: Run) -> EventSource:
        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            yield Phase("Preparing data")
            raise RuntimeError("a bug")

        return events

    window.runs.train_events = train_events
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over)
    qtbot.waitUntil(lambda: bool(window.findChildren(MessageBox)) or bool(logged))
    assert len(logged) == 1
    assert "RuntimeError: a bug" in logged[0]
    logged.clear()
    for box in window.findChildren(MessageBox):
        box.close()
    assert "went wrong inside Hone" in page.notice.sentence.text()


def test_many_events_are_drawn_a_few_times_a_second(qtbot: QtBot, window: MainWindow) -> None:
    go = Flag()

    def train_events(run: Run) -> EventSource:
        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            yield started_event(run, 3000)
            go.wait(10)
            for n in range(1, 3001):
                yield step_event(n)
                if n % 100 == 0:
                    time.sleep(0.02)

        return events

    drawings: list[int] = []
    window.runs.train_events = train_events
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.tabs.charts.complete)
    draw = page.tabs.charts.loss.show_record
    page.tabs.charts.loss.show_record = lambda record: (drawings.append(1), draw(record))  # type: ignore[method-assign]
    start = time.monotonic()
    go.set()
    qtbot.waitUntil(lambda: len(page.record.loss) == 3000, timeout=10_000)
    qtbot.waitUntil(lambda: window.jobs.current is None)
    assert 1 <= len(drawings) <= 3 + (time.monotonic() - start) / 0.1


def test_a_hidden_page_does_not_draw(qtbot: QtBot, window: MainWindow, live: tuple[RunPage, Flag]) -> None:
    page, go = live
    qtbot.waitUntil(lambda: page.tabs.charts.complete)
    window.go("runs")
    drawings: list[int] = []
    page.tabs.charts.loss.show_record = lambda record: drawings.append(1)  # type: ignore[method-assign]
    go.set()
    qtbot.waitUntil(lambda: page.record.is_over)
    assert drawings == []
    qtbot.waitUntil(lambda: window.sidebar.status.text() == "Done")
    window.sidebar.run_clicked.emit()
    assert window.stack.currentWidget() is page
    qtbot.waitUntil(lambda: not window.sidebar.card.isVisible())


def test_an_old_run_is_drawn_from_its_folder(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    run = Run().replace("output", str(folder))
    expected = list(play_script(run, Flag(), Flag()))
    window.open_files([folder])
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage)
    assert page.tabs.stack.currentWidget() is page.tabs.result
    assert len(page.record.loss) == sum(isinstance(e, Step) for e in expected)
    page.tabs.show_page(page.tabs.charts)
    qtbot.waitUntil(lambda: page.tabs.charts.complete)
    assert page.tabs.charts.loss.curves["raw"].getData()[0].tolist() == list(range(1, 41))
    page.tabs.show_page(page.tabs.log)
    assert "40 steps over 60 rows" in page.tabs.log.text.toPlainText()


def test_a_run_that_died_can_go_on(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder = tmp_path / "died"
    run = Run().replace("output", str(folder))
    list(play_script(run, Flag(), Flag()))
    log = folder / "events.jsonl"
    lines = [line for line in log.read_text().splitlines() if '"Finished"' not in line and '"after"' not in line]
    log.write_text("\n".join(lines[:20]) + '\n{"event": "Ste')

    def resume_events(path: str, accept_changes: bool, changes: dict[str, Any]) -> EventSource:
        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            story: list[Event] = list(play_script(run, stop, save_now))
            yield from story[-12:]

        return events

    window.runs.resume_events = resume_events
    page = window.runs.show_folder(folder)
    assert page.progress.phase.text() == "Interrupted"
    page.buttons.resume.click()
    assert window.stack.currentWidget() is page and not page.buttons.resume.isVisible()
    qtbot.waitUntil(lambda: page.record.finished is not None)
    qtbot.waitUntil(lambda: page.tabs.stack.currentWidget() is page.tabs.result)


def test_changed_inputs_are_asked_about(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = tmp_path / "died", list[tuple[str, tuple[str, ...]]]()
    run = Run().replace("output", str(folder))
    list(play_script(run, Flag(), Flag()))

    def resume_events(path: str, accept_changes: bool, changes: dict[str, Any]) -> EventSource:
        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            if not accept_changes:
                raise ChangedInputs("The dataset is not what it was.", ("the dataset", "the teacher"))
            yield from list(play_script(run, stop, save_now))[-12:]

        return events

    def answer(yes: bool) -> None:
        monkeypatch.setattr(
            dialogs,
            "confirm_changes",
            lambda parent, name, changes, go_on: asked.append((name, changes)) or (yes and go_on()),
        )

    window.runs.resume_events = resume_events
    answer(False)
    page = window.runs.resume_folder(folder)
    qtbot.waitUntil(lambda: bool(asked))
    assert page.record.problem == "The dataset is not what it was." and window.stack.currentWidget() is page
    answer(True)
    assert window.runs.resume_folder(folder) is page
    qtbot.waitUntil(lambda: len(asked) == 2)
    qtbot.waitUntil(lambda: page.record.finished is not None and window.jobs.current is None)
    assert not page.notice.isVisible() and not page.record.problem
    assert asked == [("died", ("the dataset", "the teacher"))] * 2


def test_the_question_about_changes_lists_them(qtbot: QtBot, window: MainWindow) -> None:
    def press(words: str) -> None:
        (box,) = window.findChildren(MessageBox)
        assert "• The dataset\n• The teacher\n" in box.sentence.text() and "died" in box.heading.text()
        next(button for button in box.buttons if button.text() == words).click()
        QApplication.sendPostedEvents(box, QEvent.Type.DeferredDelete)

    went_on: list[str] = []
    for words in ("Go on with the changes", "Do not go on"):
        dialogs.confirm_changes(
            window, "died", ("the dataset", "the teacher"), lambda words=words: went_on.append(words)
        )  # type: ignore[misc]
        press(words)
    assert went_on == ["Go on with the changes"]


def test_a_run_that_another_window_trains_is_followed(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder, lock = tmp_path / "run", RunLock(tmp_path / "run")
    list(play_script(Run().replace("output", str(folder)), Flag(), Flag(), steps=20))
    log = folder / "events.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    log.write_text("".join(lines[:15]), encoding="utf-8")
    lock.acquire()
    window.open_run(folder)
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage) and page.record.last_step is not None
    assert page.progress.phase.text() == "Training elsewhere" and not page.buttons.resume.isVisible()
    seen = page.record.last_step.step
    log.write_text("".join(lines[:18]), encoding="utf-8")
    page._elsewhere.look()
    qtbot.waitUntil(lambda: page.record.last_step.step > seen)
    assert page.progress.phase.text() == "Training elsewhere"
    log.write_text("".join(lines), encoding="utf-8")
    lock.release()
    page._elsewhere.look()
    qtbot.waitUntil(lambda: page.progress.phase.text() == "Done")
    assert page.tabs.result.isVisible() and page._elsewhere is None


def test_new_words_over_the_bar_have_their_place_at_once(qtbot: QtBot) -> None:
    record, progress = RunRecord(), RunProgress()
    qtbot.addWidget(progress)
    progress.resize(900, 60)
    progress.show()
    live = LiveRun(Run(), lambda *_: iter(()), record)
    live.is_waiting = False
    state = RunState(record, Path("r"), live, is_over=False)
    for phase in ("Training", "Measuring general text after training"):
        record.add(Phase(phase))
        progress.show_state(state)
        if phase == "Training":
            qtbot.wait(10)
    assert progress.phase.width() >= progress.phase.sizeHint().width()
