"""What waits when the window closes is asked about at the next start, and goes on only then; failures are marked."""

from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from threading import Event as Flag
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.shell import dialogs
from app.shell.window import MainWindow
from app.threads.run_thread import EventSource
from app.widgets.message_box import MessageBox
from core.errors import BadData
from core.events import Event, Finished, Phase
from core.run import Run
from tests.app.conftest import play_script


def wait_source(run: Run) -> EventSource:
    """A run that prepares until it is stopped."""

    def events(stop: Flag, save_now: Flag) -> Iterator[Event]:
        yield Phase("Loading model")
        stop.wait(20)

    return events


@pytest.fixture
def open_window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], MainWindow]]:
    monkeypatch.setattr(dialogs, "ask_to_stop", lambda parent, can_keep, answered: answered(dialogs.STOP))
    opened: list[MainWindow] = []

    def open_() -> MainWindow:
        window = MainWindow()
        opened.append(window)
        qtbot.addWidget(window)
        window.runs.train_events = wait_source
        window.show()
        return window

    yield open_
    for window in opened:
        window.jobs.shut_down()


def close(qtbot: QtBot, window: MainWindow) -> None:
    window.close()  # it stops the run under way, and closes once that has ended
    qtbot.waitUntil(lambda: window.jobs.current is None and not window.isVisible())


def test_what_waits_is_asked_about_at_the_next_start(
    qtbot: QtBot, open_window: Callable[[], MainWindow], script: Callable[[Run], EventSource]
) -> None:
    window = open_window()
    for steps in (5, 6, 7):
        window.runs.start(Run().replace("train.steps", steps))
    assert [live.run.train.steps for live in window.jobs.waiting_runs] == [6, 7]
    close(qtbot, window)

    again = open_window()
    again.runs.train_events = script
    assert again.jobs.current is None
    qtbot.waitUntil(lambda: bool(again.findChildren(MessageBox)))
    (box,) = again.findChildren(MessageBox)
    assert box.heading.text() == "2 runs were waiting when Hone was closed."
    box.reject()
    again.go("runs")
    page = again.runs_page
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 2)
    assert [row.status for row in page._model.rows] == ["Waits for you"] * 2
    qtbot.waitUntil(page.held_notice.isVisible)  # once the folders have been read, which takes a busy machine a while
    page.table.selectRow(0)
    page.carry_out("cancel")
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 1)
    assert [kept.run.train.steps for kept in again.queue.held] == [7]
    page.go_on.emit(again.queue.held)
    qtbot.waitUntil(lambda: again.jobs.current is None and not again.queue.held)
    again.go("runs")
    qtbot.waitUntil(lambda: [row.state for row in page._model.rows] == ["done"])
    assert page.held_notice.isHidden()
    close(qtbot, again)
    assert open_window().queue.held == []


def test_a_failure_is_marked_until_it_is_seen(qtbot: QtBot, open_window: Callable[[], MainWindow]) -> None:
    go = Flag()

    def fail(run: Run) -> EventSource:
        def events(stop: Flag, save_now: Flag) -> Iterator[Event]:
            yield Phase("Loading model")
            go.wait(20)
            raise BadData("No row can be used.")

        return events

    window = open_window()
    window.runs.train_events = fail
    page = window.runs.start(Run())
    window.go("welcome")
    go.set()
    qtbot.waitUntil(lambda: window.runs_page.unseen_failures == 1)
    places = window.sidebar._list
    marks = [places.item(n).toolTip() for n in range(places.count())]
    assert "1 run failed" in marks
    window.stack.setCurrentWidget(page)  # which says so
    assert not any(places.item(n).toolTip() for n in range(places.count()))
    window.runs.start(Run())
    qtbot.waitUntil(lambda: window.jobs.current is None)
    assert window.runs_page.unseen_failures == 0  # its page is shown
    window.runs_page._note_failure(window.runs_page.failed[-1])
    assert window.runs_page.unseen_failures == 1
    window.go("runs")
    assert not any(places.item(n).toolTip() for n in range(places.count()))
    assert "No row can be used." in window.runs_page.failure_notice.advice.text()


def test_a_failure_that_is_resumed_is_marked_no_more(
    qtbot: QtBot, open_window: Callable[[], MainWindow], dataset: Path
) -> None:
    def fail(run: Run) -> EventSource:
        def events(stop: Flag, save_now: Flag) -> Iterator[Event]:
            yield from takewhile(lambda event: not isinstance(event, Finished), play_script(run, stop, save_now))
            raise BadData("The disk is full.")

        return events

    def go_on(path: str, accept_changes: bool, changes: dict[str, Any]) -> EventSource:
        return lambda stop, save_now: play_script(Run.read(Path(path) / "run.toml"), stop, save_now)

    window = open_window()
    window.runs.train_events, window.runs.resume_events = fail, go_on
    page = window.runs.start(Run().replace("data.path", str(dataset)))
    window.go("welcome")
    qtbot.waitUntil(lambda: window.runs_page.unseen_failures == 1 and page.state.is_over)
    qtbot.waitUntil(lambda: "Resume begins again" in page.notice.advice.text())
    window.runs.resume_folder(page.folder)
    qtbot.waitUntil(lambda: window.runs_page.unseen_failures == 0)
    places = window.sidebar._list
    assert "1 run failed" not in [places.item(n).toolTip() for n in range(places.count())]


def test_run_again_fills_new_run_with_all_settings(qtbot: QtBot, window: MainWindow) -> None:
    run = Run(method="dpo").replace("train.steps", 9).replace("options.beta", 0.3).replace("adapter.rank", 4)
    folder = window.runs.start(run).folder
    qtbot.waitUntil(lambda: window.jobs.current is None)
    window.go("runs")
    page = window.runs_page
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 1)
    page.buttons.again.click()
    assert window.stack.currentWidget() is window.wizard
    assert window.draft.run == Run.read(folder / "run.toml").replace("output", None)
    assert window.draft.run.options.beta == 0.3


def test_deleting_an_open_run_closes_its_page(qtbot: QtBot, window: MainWindow) -> None:
    folder = window.runs.start(Run()).folder
    qtbot.waitUntil(lambda: window.jobs.current is None)
    list(play_script(Run().replace("output", str(folder.with_name("other"))), Flag(), Flag(), steps=10))
    window.go("runs")
    page = window.runs_page
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 2)
    page.table.selectRow(page._model.position(folder) or 0)
    page.carry_out("delete")
    assert folder not in window.runs._pages
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 1)


def test_a_run_with_code_goes_on_only_after_a_yes(
    qtbot: QtBot, open_window: Callable[[], MainWindow], tmp_path: Path
) -> None:
    reward = tmp_path / "reward.py"
    reward.write_text("def reward(answers, expected):\n    return [0.0 for _ in answers]\n")
    run = Run(method="grpo").replace("options.rewards", ("file",)).replace("options.reward_file", str(reward))
    window = open_window()
    window.runs.start(Run())
    window.runs.start(run)
    close(qtbot, window)
    again = open_window()
    qtbot.waitUntil(lambda: bool(again.findChildren(MessageBox)))
    again.findChildren(MessageBox)[0].reject()
    again.queue.go_on(again.queue.held)
    assert again.jobs.current is None and len(again.queue.held) == 1
    box = again.findChildren(MessageBox)[-1]
    assert "reward.py" in box.heading.text()
    box.reject()
    qtbot.waitUntil(lambda: not box.isVisible())
    assert again.jobs.current is None and len(again.queue.held) == 1  # without a yes it stays
