"""The list of all runs, and folders that hold no run."""

import os
import time
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.desktop import language
from app.pages.run import RunPage
from app.pages.run_menu import resume_reason
from app.pages.runs_notices import FailureNotice
from app.runs import health, history
from app.runs.run_list import make_rows
from app.shell.window import MainWindow
from app.widgets.message_box import MessageBox
from core.errors import BadData
from core.events import Phase
from core.run import Run, runs_folder
from core.text.sentence import say
from tests.app.conftest import play_script


def test_the_list_of_runs(qtbot: QtBot, window: MainWindow) -> None:
    page = window.runs_page
    window.go("runs")
    assert not page.begin.isVisible()  # before the folders are read nobody knows
    qtbot.waitUntil(lambda: page.begin.isVisible())
    for name, is_cut in (("finished", False), ("died", True)):
        list(play_script(Run().replace("output", str(runs_folder() / name)), Flag(), Flag(), steps=20))
        if is_cut:
            log = runs_folder() / name / "events.jsonl"
            log.write_text("\n".join(log.read_text().splitlines()[:-1]) + "\n")
            hour_ago = time.time() - 3600
            os.utime(log, (hour_ago, hour_ago))
    (runs_folder() / "no run").mkdir()
    page.refresh()
    qtbot.waitUntil(lambda: page.table.model().rowCount() == 2)
    entries = {e.name: e for e in history.list_runs(runs_folder())}
    assert (entries["finished"].status, entries["died"].status) == ("done", "interrupted")
    assert (entries["finished"].resumable, entries["died"].resumable) == (False, True)
    assert abs((entries["finished"].best_loss or 0) - (0.5 + 1.9 * 2.718281828 ** (-20 / 12))) < 1e-6
    assert "was interrupted" in page.interrupted_notice.sentence.text()
    names = [page.table.model().index(r, 0).data() for r in range(2)]
    page.table.selectRow(names.index("finished"))
    assert not page.buttons.resume.isEnabled()
    page.table.selectRow(names.index("died"))
    assert page.buttons.resume.isEnabled()
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert isinstance(window.stack.currentWidget(), RunPage)


def test_what_is_no_run_is_said(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("method = 7")
    window.open_run(tmp_path)
    (box,) = window.findChildren(MessageBox)
    assert "method" in box.sentence.text()
    box.close()


def test_a_run_in_another_folder_is_listed_and_no_longer_as_failed_once_it_goes_on(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    def fail(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
        yield Phase("Preparing data")
        raise BadData("The disk is full.")

    page = window.runs_page
    run = Run().replace("output", str(tmp_path / "elsewhere"))
    window.go("runs")
    for source, status in ((fail, "Failed"), (lambda *flags: play_script(run, *flags, steps=5), "Done")):
        window.runs.train_events = lambda _, source=source: source
        window.runs.start(run)
        window.go("runs")
        qtbot.waitUntil(lambda: window.jobs.current is None)
        qtbot.waitUntil(lambda status=status: [row.status for row in page._model.rows] == [status])


def test_a_run_that_failed_before_it_had_a_folder_stays_in_the_list(qtbot: QtBot, window: MainWindow) -> None:
    def fail(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
        yield Phase("Preparing data")
        raise BadData("There is no row.")

    window.runs.train_events = lambda _: fail
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: window.jobs.current is None)
    entry = history.read_entry(page.folder)  # as after the next start
    assert entry is not None and (entry.status, entry.problem) == ("failed", "There is no row.")
    assert Run.read(page.folder / "run.toml").train == Run().train


def test_why_a_run_could_not_start_is_said_in_the_language_of_whoever_reads_it(
    qtbot: QtBot, window: MainWindow, german: None
) -> None:
    def fail(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
        yield Phase("Preparing data")
        raise BadData(say("The adapter in {folder} is empty.", folder="mine"))

    window.runs.train_events = lambda _: fail
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: window.jobs.current is None)
    assert page.notice.sentence.text() == "Der Adapter in mine ist leer."
    assert "Der Adapter in mine ist leer." in [line.text for line in page.record.log]
    (row,) = make_rows(history.list_runs(runs_folder()), window.jobs, (), ())
    assert row.sentence == resume_reason(replace(row, on_disk=False)) == "Der Adapter in mine ist leer."
    failures = FailureNotice()
    qtbot.addWidget(failures)
    assert page.live is not None
    failures.show_failure(page.live, goes_on=False)
    assert failures.advice.text() == "Der Adapter in mine ist leer."
    reread = history.read_record(page.folder)
    assert health.assess(reread).sentence == "Der Adapter in mine ist leer."
    language.use("en")
    assert row.sentence == health.assess(reread).sentence == "The adapter in mine is empty."
