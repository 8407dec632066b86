"""The step Check and start: what it sums up, where its buttons lead, and that measuring gives way to a run."""

import json
import shutil
from pathlib import Path
from threading import Event as Flag

import pytest
from pytestqt.qtbot import QtBot

from app.new_run import check_step
from app.new_run.check import GOOD, MEASURED, Check
from app.pages.run import RunPage
from app.shell.window import MainWindow
from core import resources
from core.events import Phase
from core.run import Run
from tests.app.conftest import play_script


def open_check(qtbot: QtBot, window: MainWindow, data: Path) -> check_step.CheckStep:
    window.draft.set("data.path", str(data))
    window.go("new")
    window.wizard.show_named("check")
    check = window.wizard.check
    qtbot.waitUntil(check.start_button.isEnabled, timeout=60_000)
    return check


def test_everything_is_in_order_once_steps_were_measured(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Flag()

    def measure(run: Run, stop: Flag):  # type: ignore[no-untyped-def]
        yield Phase("Measuring a step")
        while not (go.wait(0.01) or stop.is_set()):
            yield Phase("Measuring a step")
        yield Check(MEASURED, GOOD, "A step took 1 s.")

    monkeypatch.setattr(check_step, "measure_run", measure)
    check = open_check(qtbot, window, dataset)
    assert check.verdict.text() == "In order so far; the time is being measured. You can start now."
    qtbot.waitUntil(lambda: check.rows[MEASURED].sentence.text() == "Measuring a step…")
    go.set()
    qtbot.waitUntil(lambda: check.verdict.text() == "Everything is in order.")
    assert check.rows[MEASURED].sentence.text() == "A step took 1 s."


def test_a_line_that_is_not_in_order_has_a_button_to_its_place(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        check_step, "measure_run", lambda run, stop: (c for c in [Check(MEASURED, GOOD, "A step took 1 s.")])
    )
    rows = [json.dumps({"prompt": f"Who are you, number {n}?", "completion": "I am {{name}}."}) for n in range(60)]
    (tmp_path / "names.jsonl").write_text("\n".join(rows))
    check = open_check(qtbot, window, tmp_path / "names.jsonl")
    button = check.rows["placeholders"].change
    assert (button.text(), button.accessibleName()) == ("Fill in…", "Placeholders: Fill in…")
    qtbot.waitUntil(lambda: MEASURED in check.answers)
    assert check.verdict.text() == "1 note to read; you can start anyway."
    assert [name for name, row in check.rows.items() if row.change.isVisibleTo(check)] == ["placeholders"]
    button.click()
    data = window.wizard.data
    assert window.wizard.stack.currentWidget() is data
    assert data.preview.tabs.stack.currentWidget() is data.preview.problems


def test_a_run_waits_for_the_step_that_is_being_measured(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, is_over = [], Flag()

    def measure(run: Run, stop: Flag):  # type: ignore[no-untyped-def]
        yield Phase("Measuring a step")
        stop.wait(30)
        is_over.wait(30)
        ended.append(True)

    def events(run: Run):  # type: ignore[no-untyped-def]
        assert ended  # no model is in use any more
        return lambda stop, save_now: play_script(run, stop, save_now, 5)

    monkeypatch.setattr(check_step, "measure_run", measure)
    check = open_check(qtbot, window, dataset)
    qtbot.waitUntil(lambda: check.rows[MEASURED].sentence.text().startswith("Measuring"))
    assert window.jobs.make_chat(lambda: None) is None
    window.runs.train_events = lambda run: lambda stop, save_now: events(run)(stop, save_now)
    check.start_button.click()
    taken_out = window.stack.currentWidget()
    assert isinstance(taken_out, RunPage)
    phase = taken_out.progress.phase
    qtbot.waitUntil(lambda: phase.text() == "Waiting for the check or the chat to end")
    taken_out.buttons.stop.click()
    assert window.jobs.current is None and taken_out.record.problem == "Taken out of the queue before it began."
    assert not taken_out.buttons.stop.isVisible() and taken_out.notice.isVisible()
    current = window.runs.start(window.draft.run).live
    assert current is not None and current is window.jobs.current and current.is_waiting
    is_over.set()
    qtbot.waitUntil(lambda: current.record.is_over)
    assert current.record.problem == ""


def test_data_that_changed_since_they_were_checked_are_checked_again(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_step, "measure_run", lambda run, stop: iter(()))
    check = open_check(qtbot, window, dataset)
    assert "60 usable rows" in check.rows["data"].sentence.text()
    dataset.write_text("\n".join(dataset.read_text(encoding="utf-8").splitlines()[:55]), encoding="utf-8")
    check.start_button.click()
    assert window.jobs.current is None and not check.start_button.isEnabled()
    qtbot.waitUntil(check.start_button.isEnabled, timeout=60_000)
    assert check.verdict.text().startswith("The data has changed since it was checked")
    assert "55 usable rows" in check.rows["data"].sentence.text()
    data = window.wizard.data
    window.wizard.show_named("data")
    qtbot.waitUntil(lambda: data.scanned is not None and data.scanned.usable == 55, timeout=20_000)
    dataset.write_text("\n".join(dataset.read_text(encoding="utf-8").splitlines()[:50]), encoding="utf-8")
    window.wizard.show_named("goal")
    window.wizard.show_named("data")
    qtbot.waitUntil(lambda: data.scanned is not None and data.scanned.usable == 50, timeout=20_000)
    window.wizard.show_named("check")
    qtbot.waitUntil(check.start_button.isEnabled, timeout=60_000)
    assert not check.verdict.text().startswith("The data has changed")
    check.start_button.click()
    assert window.jobs.current is not None


def test_what_forbids_the_start_is_checked_again(
    qtbot: QtBot, window: MainWindow, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_step, "measure_run", lambda run, stop: iter(()))
    model, check = tmp_path / "model", window.wizard.check
    window.draft.set("model.path", str(model))
    window.draft.set("data.path", str(dataset))
    window.go("new")
    window.wizard.show_named("check")
    qtbot.waitUntil(check.again_button.isVisible, timeout=60_000)
    assert not check.start_button.isEnabled()
    shutil.copytree(resources.STARTER, model)
    check.again_button.click()
    assert not check.again_button.isVisible()
    qtbot.waitUntil(check.start_button.isEnabled, timeout=60_000)


def test_start_from_the_menu_while_it_is_checked_starts_afterwards(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, run_checks = Flag(), check_step.run_checks

    def checks(run: Run):  # type: ignore[no-untyped-def]
        assert go.wait(30)
        yield from run_checks(run)

    monkeypatch.setattr(check_step, "run_checks", checks)
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    window.draft.set("data.path", str(dataset))
    window.navigation.start_draft()
    check = window.wizard.check
    assert check.verdict.text() == "Still checking: Settings… It starts when that is done."
    check.wait_button.click()
    assert check.verdict.text() == "Still checking: Settings…" and not check.wait_button.isVisible()
    window.navigation.start_draft()
    assert check.wait_button.isVisible() and window.jobs.current is None
    go.set()
    qtbot.waitUntil(
        lambda: window.stack.shown() not in ("new", None) or window.jobs.current is not None, timeout=60_000
    )
    live = window.jobs.current
    assert live is None or live.run.data.path == str(dataset)


def test_what_is_measured_is_the_draft_that_is_checked(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft changes once the last line stands and before the checks end: what was checked is not measured."""
    go, run_checks, measured = Flag(), check_step.run_checks, list[str]()

    def checks(run: Run):  # type: ignore[no-untyped-def]
        yield from run_checks(run)
        assert go.wait(30)

    def measure(run: Run, stop: Flag):  # type: ignore[no-untyped-def]
        measured.append(run.data.path)
        yield Check(MEASURED, GOOD, f"It is {run.data.path}.")

    monkeypatch.setattr(check_step, "run_checks", checks)
    monkeypatch.setattr(check_step, "measure_run", measure)
    check = open_check(qtbot, window, dataset)
    first = check._task
    assert first is not None
    window.draft.set("data.path", "demo")
    go.set()
    qtbot.waitUntil(first.isFinished)
    window.wizard.show_named("goal")
    window.wizard.show_named("check")
    qtbot.waitUntil(lambda: MEASURED in check.answers, timeout=60_000)
    assert measured == ["demo"] and check.answers[MEASURED].sentence == "It is demo."


def test_leaving_the_step_takes_the_wish_to_start_back(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, run_checks = Flag(), check_step.run_checks

    def checks(run: Run):  # type: ignore[no-untyped-def]
        assert go.wait(30)
        yield from run_checks(run)

    monkeypatch.setattr(check_step, "run_checks", checks)
    monkeypatch.setattr(check_step, "measure_run", lambda run, stop: iter(()))
    window.draft.set("data.path", str(dataset))
    window.navigation.start_draft()
    window.go("runs")
    go.set()
    check = window.wizard.check
    qtbot.waitUntil(check.start_button.isEnabled, timeout=60_000)
    assert window.jobs.current is None


def test_while_another_run_trains_it_says_that_this_one_waits(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_step, "measure_run", lambda run, stop: iter(()))
    is_over = Flag()

    def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
        yield Phase("Loading model")
        assert is_over.wait(60)

    window.runs.train_events = lambda run: events
    window.requests.start(Run.from_dict({"data": {"path": str(dataset)}}))
    check = open_check(qtbot, window, dataset)
    assert check.verdict.text() == "Another run is training: this one waits until it is done."
    is_over.set()
    qtbot.waitUntil(lambda: "Another run" not in check.verdict.text())
