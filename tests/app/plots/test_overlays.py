"""Other runs over a run's chart; what else the charts mark: a limit, and what was changed at a pause."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from app.plots.panel import ChartPanel
from app.plots.save_chart import write_numbers
from app.runs import history
from app.runs.overlay import list_others, name_entries, read_overlay
from app.runs.record import RunRecord
from core.events import Resumed
from core.run import Run
from tests.app.conftest import play_script, started_event, step_event


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Three runs in one folder, of 40, 20 and 60 steps."""
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder, steps in zip(folders, (40, 20, 60), strict=True):
        list(play_script(Run().replace("output", str(folder)), Flag(), Flag(), steps))
    return folders


@pytest.fixture
def panel(qtbot: QtBot, folders: list[Path]) -> ChartPanel:
    panel = ChartPanel()
    qtbot.addWidget(panel)
    panel.resize(900, 600)
    panel.use_folder(folders[0])
    panel.show()
    panel.show_record(history.read_record(folders[0]))
    qtbot.waitUntil(lambda: panel.complete, timeout=20_000)
    return panel


def open_menu(qtbot: QtBot, panel: ChartPanel) -> dict[str, object]:
    menu = panel.controls.overlays.menu_
    panel.controls.overlays.click()
    qtbot.waitUntil(menu.isVisible)
    return {action.text(): action for action in menu.actions()}


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_runs_of_the_same_folder_are_drawn_over_this_one(qtbot: QtBot, panel: ChartPanel, folders: list[Path]) -> None:
    menu = panel.controls.overlays.menu_
    actions = open_menu(qtbot, panel)
    assert set(actions) == {"second, SFT", "third, SFT"}
    for action in actions.values():
        place = menu.actionGeometry(action).center()
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=QPoint(place))
        assert menu.isVisible() and action.isChecked()  # it stays open for the next
    qtbot.waitUntil(lambda: len(panel.overlays) == 2)
    chart = panel.current_chart
    others = {label: chart.curves[name] for name, label in chart._others.words().items()}
    assert {label: len(curve.getOriginalDataset()[0]) for label, curve in others.items()} == {
        "second, SFT": 20, "third, SFT": 60,
    }  # fmt: skip
    looks = [(c.opts["pen"].style(), c.opts["pen"].color().name()) for c in others.values()]
    assert len({dash for dash, _ in looks}) == 2 and len({colour for _, colour in looks}) == 2
    assert chart.curves["smooth"].opts["pen"].color() not in [QColor(colour) for _, colour in looks]
    assert panel.run_legend.isVisible() and sorted(panel.run_legend.names) == sorted(others)
    chart.crosshair.show_at(20)
    assert "third, SFT: " in chart.crosshair.words and "this step: " in chart.crosshair.words
    menu.close()
    actions = open_menu(qtbot, panel)
    assert all(action.isChecked() for action in actions.values())
    actions["second, SFT"].trigger()
    assert list(chart._others.words().values()) == ["third, SFT"] == panel.run_legend.names
    menu.close()


def test_each_run_lies_where_it_had_seen_as_many_tokens(qtbot: QtBot, panel: ChartPanel, folders: list[Path]) -> None:
    record = RunRecord()
    record.add(started_event(Run(), 4))
    for n in range(1, 5):
        record.add(replace(step_event(n), tokens=1000 * n))
    overlay = replace(read_overlay(folders[1], "other"), record=record)
    panel._wanted = {folders[1]: "other"}
    panel._add_overlay(overlay)
    panel.controls.x_axis.setCurrentIndex(1)
    panel.controls.kind_changed.emit()
    curve = panel.current_chart.curves["run 0"]
    assert curve.getOriginalDataset()[0].tolist() == [1000, 2000, 3000, 4000]
    panel.controls.log.setChecked(True)
    assert panel.loss is not None and panel.loss.getPlotItem().getAxis("left").logMode


def test_runs_with_one_name_are_told_apart(folders: list[Path]) -> None:
    entries = list_others(folders[0])
    assert set(name_entries(entries).values()) == {"second, SFT", "third, SFT"}
    same = [replace(entry, name=entry.name) for entry in entries]
    for entry in same:
        object.__setattr__(entry, "name", "2026-01-01-000000-sft-mine")
    assert sorted(name_entries(same).values()) == ["Sample data, SFT (second)", "Sample data, SFT (third)"]


def test_their_losses_are_columns_of_the_numbers(folders: list[Path], tmp_path: Path) -> None:
    write_numbers(history.read_record(folders[1]), tmp_path / "a.csv", [read_overlay(folders[2], "third")])
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 61 and rows[1]["loss"] == rows[1]["loss (third)"] != ""
    assert rows[60]["loss"] == "" and float(rows[60]["held_out_loss (third)"]) == pytest.approx(0.5128, abs=1e-3)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_a_folder_without_other_runs_says_so(qtbot: QtBot, panel: ChartPanel, tmp_path: Path) -> None:
    panel.use_folder(tmp_path / "alone" / "run")
    ((words, action),) = open_menu(qtbot, panel).items()
    assert words == "There are no other runs in this folder" and not action.isEnabled()
    panel.controls.overlays.menu_.close()


def test_the_memory_chart_has_a_line_at_the_limit(qtbot: QtBot, panel: ChartPanel, folders: list[Path]) -> None:
    memory = panel.small.charts["memory"].chart
    assert memory is not None and not memory.limit.isVisible()
    log = folders[0] / "events.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["event"] == "Started":
            line["memory"] = {"limit": 8 << 30}
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    panel.show_record(history.read_record(folders[0]))
    assert memory.limit.isVisible() and memory.limit.value() == 8.0
    low, high = memory.getViewBox().viewRange()[1]
    assert low <= 0.0 and 8.0 <= high < 9.0  # 1 GB of 8 looks like little
    assert "of 8.00 that there are" in memory.accessibleDescription()


def test_a_change_at_a_pause_is_marked(panel: ChartPanel, folders: list[Path]) -> None:
    record = history.read_record(folders[0])
    record.add(Resumed(30, {"train.learning_rate": [2e-4, 1e-4]}))
    panel.show_record(record)
    assert panel.loss is not None
    (line,) = panel.loss.changes
    assert line.value() == 30 and line.label.format == "learning rate 0.0001 (0.0002 before)"
    panel.show_record(history.read_record(folders[0]))
    assert panel.loss.changes == []
