"""The Data page: what was opened is listed with its counts, opens, is used, and goes."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.pages.datasets import COLUMNS
from app.runs import datasets
from app.runs.notes import RunNotes, write_notes
from app.shell.window import MainWindow
from core.run import Run, runs_folder


@pytest.fixture
def listed(qtbot: QtBot, window: MainWindow, dataset: Path) -> MainWindow:
    """A window that has read a file, with a run over it, and shows the Data page."""
    window.open_files([dataset])
    qtbot.waitUntil(lambda: window.wizard.data.scanned is not None, timeout=20_000)
    (runs_folder() / "first").mkdir(parents=True)
    Run().replace("data.path", str(dataset)).write(runs_folder() / "first" / "run.toml")
    write_notes(runs_folder() / "first", RunNotes("A try"))
    window.go("data")
    qtbot.waitUntil(lambda: window.datasets_page.selected() is not None, timeout=20_000)
    return window


def cells(window: MainWindow) -> list[str]:
    return [text(window.datasets_page.selected()) for _, text in COLUMNS]


def test_what_was_read_is_listed(listed: MainWindow, dataset: Path) -> None:
    name, _, rows, findings, runs, _, state = cells(listed)
    assert (name, rows, findings, runs, state) == ("mine.jsonl", "60", "1 finding", "1", "Here")
    assert "Learned from by A try." in listed.datasets_page._detail.text()


def test_it_opens_and_is_used_in_a_new_run(qtbot: QtBot, listed: MainWindow, dataset: Path) -> None:
    page = listed.datasets_page
    page.open_button.click()
    preview = page.preview
    qtbot.waitUntil(lambda: "60" in preview.sentence.text(), timeout=20_000)
    assert preview.isVisible() and preview.preview.rows.model.rowCount() == 60
    listed.draft.take(Run(method="dpo"))
    preview.use_button.click()
    assert (listed.draft.run.data.path, listed.draft.run.method) == (str(dataset), "sft")
    assert listed.wizard.stack.currentWidget() is listed.wizard.data
    listed.go("data")
    preview.back.click()
    assert page.table.isVisible()


def test_a_file_that_changed_or_is_gone_is_told(qtbot: QtBot, listed: MainWindow, dataset: Path) -> None:
    page = listed.datasets_page
    with dataset.open("a") as file:
        file.write('{"prompt": "More?", "completion": "Yes."}\n')
    page.refresh()
    qtbot.waitUntil(lambda: cells(listed)[-1] == "Changed since", timeout=20_000)
    page.open_selected()
    qtbot.waitUntil(lambda: datasets.load()[0].rows == 61, timeout=20_000)
    page.preview.back.click()
    qtbot.waitUntil(lambda: cells(listed)[-1] == "Here", timeout=20_000)
    dataset.unlink()
    page.refresh()
    qtbot.waitUntil(lambda: cells(listed)[-1] == "Gone", timeout=20_000)
    assert not page.open_button.isEnabled() and not page.use_button.isEnabled()
    assert "not there any more" in page._detail.text()
    page.remove_button.click()
    qtbot.waitUntil(lambda: page.selected() is None, timeout=20_000)
    assert page.begin.isVisible()
    assert "Data" in [label.text() for label in page.findChildren(QLabel) if label.isVisible()]  # as every page says
