"""Runs beside each other on one page, reached from the list; and a run that is run again with its changes marked."""

from pathlib import Path
from threading import Event as Flag

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.new_run.changes_bar import ChangesBar
from app.pages.compare import ComparePage
from app.shell.window import MainWindow
from core.run import Run, runs_folder
from tests.app.conftest import play_script


def make_runs() -> list[Path]:
    folders = []
    for name, steps, rank in (("small", 20, 8), ("large", 40, 32), ("odd", 30, 8)):
        run = Run().replace("output", str(runs_folder() / name)).replace("adapter.rank", rank)
        list(play_script(run, Flag(), Flag(), steps=steps))
        folders.append(runs_folder() / name)
    return folders


def show_comparison(qtbot: QtBot, window: MainWindow) -> None:
    """The page with three runs beside each other, drawn."""
    window.runs_page.compare.emit(make_runs())
    page = window.navigation.compare_page
    qtbot.waitUntil(lambda: len(page.runs) == 3 and page.chart is not None, timeout=20_000)
    qtbot.wait(100)


def test_runs_are_compared(qtbot: QtBot, window: MainWindow) -> None:
    folders = make_runs()
    window.go("runs")
    listed = window.runs_page
    qtbot.waitUntil(lambda: listed.table.model().rowCount() == 3)
    listed.table.selectAll()
    listed.buttons.compare.click()
    page = window.navigation.compare_page
    assert isinstance(page, ComparePage)
    assert window.stack.currentWidget() is page
    qtbot.waitUntil(lambda: len(page.runs) == 3 and page.chart is not None, timeout=20_000)
    assert page.title.text() == "3 runs compared"
    assert {run.folder for run in page.runs} == set(folders)
    order = [run.label for run in page.runs]
    headings = [page.settings.headerData(n, Qt.Orientation.Horizontal) for n in range(4)]
    assert headings == ["Setting", *order]
    (rank,) = [n for n in range(page.settings.rowCount()) if page.settings.index(n, 0).data() == "Rank"]
    ranks = {name: page.settings.index(rank, n).data() for n, name in enumerate(order, 1)}
    assert ranks == {"small": "8", "large": "32", "odd": "8"}
    assert all("Better" in label.text() for label in page.overview.verdicts)
    (card,) = page.cards
    assert [answer.text() for answer in card.answers] == ["It is 4."] * 3
    assert page.chart is not None
    assert list(page.chart.curve_words().values()) == order
    held_out = len(page.chart.curves["run 0"].getOriginalDataset()[0])
    page.choice.buttons["training"].click()
    assert len(page.chart.curves["run 0"].getOriginalDataset()[0]) > held_out
    page.back_button.click()
    assert window.stack.currentWidget() is listed


def test_losses_of_other_methods_or_data_are_not_called_the_best(qtbot: QtBot) -> None:
    page = ComparePage()
    qtbot.addWidget(page)
    small, large, odd = make_runs()
    other = Run.read(odd / "run.toml").replace("data.path", str(odd / "other.jsonl"))
    page.show_folders([small, large])
    qtbot.waitUntil(lambda: len(page.runs) == 2)
    assert [label.text() for label in bold_figures(page)] == ["0.568 at step 40"]
    other.write(odd / "run.toml")
    page.show_folders([small, large, odd])
    qtbot.waitUntil(lambda: len(page.runs) == 3)
    assert bold_figures(page) == []


def bold_figures(page: ComparePage) -> list[QLabel]:
    return [
        label
        for label in page.overview._lines.findChildren(QLabel)
        if " at step " in label.text() and label.font().bold()
    ]


def test_the_same_settings_are_said(qtbot: QtBot) -> None:
    page = ComparePage()
    qtbot.addWidget(page)
    small, _, odd = make_runs()
    page.show_folders([small, odd])
    qtbot.waitUntil(lambda: len(page.runs) == 2 and page.chart is not None, timeout=20_000)
    assert page.settings.rowCount() == 0
    assert not page._none.isHidden()
    (small / "run.toml").unlink()
    page.show_folders([small, odd])
    qtbot.waitUntil(lambda: "holds no run" in page.notice.sentence.text())
    assert page.overview.isHidden()


def test_what_is_changed_before_running_again_is_marked(qtbot: QtBot, window: MainWindow) -> None:
    folder = make_runs()[0]
    run = Run.read(folder / "run.toml")
    window.runs_page.run_again.emit(run, "small")
    bar: ChangesBar = window.wizard.changes_bar
    assert bar.isVisible()
    assert (bar.origin.text(), bar.changes.text()) == ("As in “small”:", "nothing is changed yet.")
    window.draft.set("adapter.rank", 16)
    window.draft.set("train.seed", 7)
    assert bar.changes.text() == "Rank 8 → 16; Seed 42 → 7"
    lines = {key: line for form in window.wizard.settings.forms for key, line in form.lines.items()}
    assert lines["adapter.rank"]._dot.text() == "● was 8"
    assert lines["train.samples"]._dot.text() == "●"
    for key, value in (("train.epochs", 2.0), ("train.batch_size", 2), ("train.optimizer", "sgd")):
        window.draft.set(key, value)
    assert bar.changes.text().endswith("; and 2 others")
    bar.undo_button.click()
    assert window.draft.run == run.replace("output", None)
    assert bar.changes.text() == "nothing is changed yet."
    bar.close_button.click()
    assert bar.isHidden()
    window.draft.set("adapter.rank", 4)
    assert lines["adapter.rank"]._dot.text() == "●"


def test_the_name_of_a_setting_is_whole(qtbot: QtBot, window: MainWindow, german: None) -> None:
    folders = []
    for name, epochs in (("short", 2), ("long", 3)):
        run = Run(method="dpo").replace("output", str(runs_folder() / name)).replace("train.lr_schedule", "linear")
        run = run.replace("train.max_grad_norm", float(epochs)).replace("train.gradient_accumulation_steps", epochs)
        list(play_script(run, Flag(), Flag(), steps=5))
        folders.append(runs_folder() / name)
    window.runs_page.compare.emit(folders)
    page = window.navigation.compare_page
    qtbot.waitUntil(lambda: len(page.runs) == 2 and page.settings.rowCount() == 2, timeout=20_000)
    labels = [page.settings.index(n, 0).data() for n in range(2)]
    widest = max(page.table.fontMetrics().horizontalAdvance(label) for label in labels)
    assert page.table.columnWidth(0) >= min(widest + 18, 300), labels
