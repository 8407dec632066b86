"""The list of runs: sorted, narrowed down, named; what can be done with one or several of them; the queue in it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from PySide6.QtCore import QFile, QItemSelectionModel, Qt
from pytestqt.qtbot import QtBot

from app.pages import delete_runs
from app.pages.run_menu import list_actions
from app.pages.runs import RunsPage
from app.pages.runs_model import BEGUN, METHOD, RESULT, RUN, STATUS, TIME
from app.runs import deletion, run_list
from app.runs.job_queue import JobQueue
from app.runs.live_run import LiveRun
from app.runs.notes import read_notes
from core.errors import BadData
from core.events import Event, Phase
from core.run import Run, runs_folder
from core.run.lock import RunLock
from tests.app.conftest import play_script


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[RunsPage]:
    """The page with three runs that are over, of 20, 30 and 40 steps, and one whose settings are damaged."""
    for name, steps, method in (("alpha", 20, "sft"), ("beta", 40, "dpo"), ("gamma", 30, "sft")):
        run = Run(method=method).replace("output", str(runs_folder() / name))
        list(play_script(run, Flag(), Flag(), steps=steps))
    (runs_folder() / "broken").mkdir()
    (runs_folder() / "broken" / "run.toml").write_text("method = 7")
    jobs = JobQueue()
    runs_page = RunsPage(jobs)
    runs_page.resize(1000, 600)
    qtbot.addWidget(runs_page)
    runs_page.show()
    qtbot.waitUntil(lambda: runs_page.table.model().rowCount() == 4)
    yield runs_page
    jobs.shut_down()


def names(page: RunsPage) -> list[str]:
    model = page.table.model()
    return [str(model.index(n, RUN).data()) for n in range(model.rowCount())]


def select(page: RunsPage, *wanted: str) -> None:
    page.table.clearSelection()
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for name in wanted:
        index = page.table.model().index(names(page).index(name), 0)
        page.table.selectionModel().select(index, flags)
    assert sorted(row.entry.title for row in page.table.selected_rows()) == sorted(wanted)


def reasons(page: RunsPage) -> dict[str, str]:
    return {action.key: action.reason for action in list_actions(page.table.selected_rows()) if action is not None}


def test_each_column_sorts(page: RunsPage) -> None:
    ascending = Qt.SortOrder.AscendingOrder
    page.table.sortByColumn(RUN, ascending)
    assert names(page) == ["alpha", "beta", "broken", "gamma"]
    page.table.sortByColumn(RUN, Qt.SortOrder.DescendingOrder)
    assert names(page) == ["gamma", "broken", "beta", "alpha"]
    page.table.sortByColumn(RESULT, ascending)  # more steps, a lower loss; one that has none comes last
    assert names(page) == ["beta", "gamma", "alpha", "broken"]
    page.table.sortByColumn(METHOD, ascending)
    assert names(page)[1] == "beta" or names(page)[0] == "beta"
    page.table.sortByColumn(STATUS, ascending)
    assert names(page)[-1] == "broken"
    for column in (TIME, BEGUN):
        page.table.sortByColumn(column, ascending)
        assert sorted(names(page)) == ["alpha", "beta", "broken", "gamma"]


def test_the_list_is_narrowed_down(page: RunsPage) -> None:
    page.filter.group.setCurrentIndex(page.filter.group.findData("failed"))
    assert names(page) == ["broken"]
    page.filter.group.setCurrentIndex(0)
    page.filter.method.setCurrentIndex(page.filter.method.findData(Run(method="dpo").spec.title))
    assert names(page) == ["beta"]
    page.filter.show_methods([Run().spec.title, Run(method="kto").spec.title, Run(method="dpo").spec.title])
    assert page.filter.criteria[2] == Run(method="dpo").spec.title  # another run has come: the choice stays
    page.filter.method.setCurrentIndex(0)
    page.filter.search.setText("STARTER gam")
    assert names(page) == ["gamma"]
    page.filter.search.setText("nothing has this")
    assert names(page) == []
    assert not page.buttons.open.isEnabled()


def test_name_tags_and_notes_are_shown_and_found(qtbot: QtBot, page: RunsPage) -> None:
    select(page, "alpha")
    dialog = page.edit_notes(page.table.selected_rows()[0], "tags")
    dialog.name.setText("First try")
    dialog.tags.setText("fast, best")
    dialog.text.setPlainText("Learned the names of the rivers.")
    dialog.accept()
    qtbot.waitUntil(lambda: "First try" in names(page))
    assert read_notes(runs_folder() / "alpha")[0].tags == ("fast", "best")
    assert "First try" not in (runs_folder() / "alpha" / "run.toml").read_text()
    index = page.table.model().index(names(page).index("First try"), RUN)
    assert "#best" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    for words in ("rivers", "best", "alpha"):
        page.filter.search.setText(words)
        assert names(page) == ["First try"], words


def test_several_runs_are_selected(qtbot: QtBot, page: RunsPage) -> None:
    select(page, "alpha", "gamma")
    assert (page.buttons.open.isEnabled(), page.buttons.compare.isEnabled()) == (False, True)
    assert page.buttons.compare.accessibleName() == "Compare 2 runs"
    with qtbot.waitSignal(page.compare) as signal:
        page.buttons.compare.click()
    assert {folder.name for folder in signal.args[0]} == {"alpha", "gamma"}
    select(page, "alpha")
    assert reasons(page)["compare"] == "Select two or more runs."
    select(page, "broken")
    assert reasons(page)["again"] == "Its settings cannot be read."
    assert reasons(page)["delete"] == ""


def test_run_again_hands_over_all_settings(qtbot: QtBot, page: RunsPage) -> None:
    select(page, "beta")
    with qtbot.waitSignal(page.run_again) as signal:
        page.buttons.again.click()
    assert signal.args == [Run.read(runs_folder() / "beta" / "run.toml"), "beta"]


def test_deleted_runs_come_back(qtbot: QtBot, page: RunsPage) -> None:
    assert QFile.supportsMoveToTrash()
    select(page, "alpha", "beta")
    page.carry_out("delete")
    qtbot.waitUntil(lambda: names(page) == ["broken", "gamma"] or names(page) == ["gamma", "broken"])
    assert not (runs_folder() / "alpha").exists()
    assert "2 runs are in the Trash" in page.deleted_bar.sentence.text()
    page.deleted_bar.undo_button.click()
    qtbot.waitUntil(lambda: len(names(page)) == 4)
    assert (runs_folder() / "alpha" / "adapters.safetensors").is_file()
    assert page.deleted_bar.isHidden()
    assert {row.folder.name for row in page.table.selected_rows()} == {"alpha", "beta"}
    assert page.table.hasFocus()


def refuse(path: Path) -> None:
    raise OSError(None, "there is no trash", str(path))


def test_the_run_below_a_deleted_one_is_selected(qtbot: QtBot, page: RunsPage) -> None:
    folders = [page.table._model.row_at(n).folder for n in range(page.table.model().rowCount())]
    for place, expected in ((1, folders[2]), (page.table.model().rowCount() - 2, folders[-2])):
        page.table.selectRow(place)
        page.carry_out("delete")
        qtbot.waitUntil(lambda expected=expected: [r.folder for r in page.table.selected_rows()] == [expected])


@pytest.mark.parametrize("agrees", [True, False])
def test_without_a_trash_there_is_a_question(
    qtbot: QtBot, page: RunsPage, monkeypatch: pytest.MonkeyPatch, agrees: bool
) -> None:
    monkeypatch.setattr(deletion, "move_to_trash", refuse)
    asked: list[int] = []
    monkeypatch.setattr(
        delete_runs, "confirm_deletion", lambda parent, count, delete: asked.append(count) or (agrees and delete())
    )
    select(page, "alpha")
    page.carry_out("delete")
    assert asked == [1]
    assert (runs_folder() / "alpha").exists() is not agrees
    assert page.deleted_bar.undo_button.isHidden()
    assert page.deleted_bar.isVisible() is agrees


def test_a_run_that_is_trained_in_is_not_deleted(qtbot: QtBot, page: RunsPage) -> None:
    lock = RunLock(runs_folder() / "gamma")
    lock.acquire()
    try:
        select(page, "gamma")
        page.deleted_bar.delete([runs_folder() / "gamma"])  # the list is older than the lock
        assert (runs_folder() / "gamma").exists()
        assert "being trained in by process" in page.deleted_bar.advice.text()
        page.refresh()
        qtbot.waitUntil(lambda: page.table.selected_rows()[0].state == run_list.ELSEWHERE)
        assert "Another program" in reasons(page)["delete"]
    finally:
        lock.release()


def make_live(name: str, sentence: str = "", go: Flag | None = None) -> LiveRun:
    def play(stop: Flag, save_now: Flag) -> Iterator[Event]:
        yield Phase("Loading model")
        while go is not None and not go.is_set() and not stop.wait(0.01):
            pass
        if sentence:
            raise BadData(sentence)

    return LiveRun(Run().replace("output", str(runs_folder() / name)), play)


def test_waiting_and_preparing_runs_are_listed_and_can_be_cancelled(qtbot: QtBot, page: RunsPage) -> None:
    jobs, go = page._jobs, Flag()
    first, second, third = make_live("first", go=go), make_live("second"), make_live("third")
    for live in (first, second, third):
        jobs.start(live)
    qtbot.waitUntil(lambda: len(names(page)) == 7)
    rows = {row.folder.name: row for row in page._model.rows}
    assert [rows[name].status for name in ("first", "second", "third")] == [
        "Preparing",
        "Waits, next",
        "Waits, place 2",
    ]
    assert names(page)[:2] == [rows["second"].entry.title, rows["third"].entry.title]

    def select_folder(name: str) -> None:
        index = page.table.model().index(page._model.position(runs_folder() / name), 0)
        page.table.selectRow(index.row())

    select_folder("third")
    page.carry_out("earlier")
    qtbot.waitUntil(lambda: jobs.waiting_runs == (third, second))
    select_folder("third")
    assert reasons(page)["earlier"] == "It is the next one."
    assert not reasons(page)["later"]
    select_folder("second")
    assert reasons(page)["later"] == "It is the last one."
    select_folder("third")
    page.carry_out("cancel")
    qtbot.waitUntil(lambda: len(names(page)) == 6)
    select_folder("first")
    assert "stop it first" in reasons(page)["delete"]
    page.carry_out("stop")
    qtbot.waitUntil(lambda: jobs.current is None)


def test_which_run_failed_and_why_is_told(qtbot: QtBot, page: RunsPage) -> None:
    jobs, go = page._jobs, Flag()
    jobs.start(make_live("bad", "Row 3 of rows.jsonl is empty."))
    jobs.start(make_live("next", go=go))
    qtbot.waitUntil(lambda: "Row 3" in page.failure_notice.advice.text())
    assert "goes on" in page.failure_notice.advice.text()
    qtbot.waitUntil(lambda: any(row.state == run_list.FAILED for row in page._model.rows))
    row = next(row for row in page._model.rows if row.state == run_list.FAILED)
    assert (row.folder.name, row.sentence) == ("bad", "Row 3 of rows.jsonl is empty.")
    go.set()
    qtbot.waitUntil(lambda: jobs.current is None)
    page.table.selectRow(page._model.position(row.folder) or 0)
    assert row.folder.exists()  # it was made when the run failed, whether the list has seen it or not
    page.carry_out("delete")
    qtbot.waitUntil(lambda: page._model.position(row.folder) is None)
    assert not row.folder.exists()
    shutil.rmtree(runs_folder() / "next", ignore_errors=True)
