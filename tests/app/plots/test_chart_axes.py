"""Axes with plain numbers and sane ranges, the crosshair, marks, outliers, and charts as files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.plots.axes import PlainAxis
from app.plots.line_chart import y_range
from app.plots.loss_chart import LossChart
from app.plots.panel import ChartPanel
from app.plots.save_chart import ask_and_save
from app.runs.numbers import format_plain
from app.runs.record import RunRecord
from app.widgets.message_box import MessageBox
from core.events import Saved
from core.run import Run
from tests.app.stories import story_events


def recorded() -> RunRecord:
    record = RunRecord()
    for event in story_events(Run().replace("output", "somewhere")):
        record.add(event)
    record.add(Saved(40, "somewhere", "checkpoint"))
    return record


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2e-4, "0.0002"),
        (2.31e-5, "0.0000231"),
        (1.234e-7, "1.2e-07"),
        (0.26504, "0.265"),
        (12.34, "12.3"),
        (1240.0, "1,240"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1e12, "1.0e+12"),
        (float("nan"), "–"),
        (2.0, "2.00"),
    ],
)
def test_numbers_are_written_out(value: float, text: str) -> None:
    assert format_plain(value) == text


def test_ticks_are_written_out(qtbot: QtBot) -> None:
    assert PlainAxis("left").tickStrings([0.0, 1e-4, 2e-4], 1.0, 1e-4) == ["0.0000", "0.0001", "0.0002"]
    assert PlainAxis("left", is_share=True).tickStrings([0.5], 1.0, 0.5) == ["50%"]
    time = PlainAxis("bottom")
    time.kind = "time"
    assert time.tickStrings([0.0, 90.0, -5.0], 1.0, 30.0) == ["0 s", "1 min 30 s", ""]


@pytest.mark.parametrize("values", [(0.2650, 0.2652), (1000.0, 1001.0), (3.0, 3.0), (0.0, 0.0)])
def test_a_tiny_change_does_not_fill_the_chart(values: tuple[float, float]) -> None:
    low, high = y_range(np.array(values))
    assert low == 0 and values[1] < high
    assert (values[1] - values[0]) / (high - low) < 0.01


def test_a_real_change_fills_the_chart() -> None:
    assert y_range(np.array([1.0, 4.0, np.nan])) == (1.0, 4.0)


def test_a_negative_value_that_hardly_changes_stays_in_the_middle() -> None:
    assert y_range(np.array([-1.0, -1.001])) == pytest.approx((-1.1006, -0.9004))


def x_ranges(panel: ChartPanel) -> list[list[float]]:
    return [small.chart.getViewBox().viewRange()[0] for small in panel.small.charts.values() if small.chart]


def test_the_small_charts_show_the_steps_of_the_large_one(qtbot: QtBot) -> None:
    panel, record = ChartPanel(), recorded()
    qtbot.addWidget(panel)
    panel.show_record(record)
    qtbot.waitUntil(lambda: panel.complete, timeout=20_000)
    panel.show_chart("loss")
    assert x_ranges(panel) == [[0, 150]] * 4
    panel.current_chart.getViewBox().setXRange(30, 60, padding=0)
    panel.current_chart.getViewBox().sigRangeChangedManually.emit([True, False])
    qtbot.waitUntil(lambda: x_ranges(panel) == [[30, 60]] * 4)
    assert panel.small.charts["learning_rate"].value.text() == format_plain(record.learning_rate.y[-1])


def test_the_bottom_axis_counts_steps_tokens_or_time(qtbot: QtBot) -> None:
    chart, record = LossChart(), recorded()
    qtbot.addWidget(chart)
    for kind, end, title in (("step", 120, "Step"), ("tokens", 36_000, "Tokens seen"), ("time", 12, "Training time")):
        chart.set_kind(kind)
        chart.show_record(record)
        assert chart.curves["smooth"].getData()[0][-1] == pytest.approx(end)
        assert chart.getAxis("bottom").labelText == title and chart.getAxis("left").labelText == "Loss (nats per token)"


def test_the_crosshair_tells_the_values_under_the_pointer(qtbot: QtBot) -> None:
    chart, record = LossChart(), recorded()
    qtbot.addWidget(chart)
    chart.show_record(record)
    assert chart.crosshair is not None
    chart.crosshair.show_at(39.7)
    head, raw, _, held = chart.crosshair.words.splitlines()
    assert head == "Step 40" and raw == f"this step: {format_plain(record.loss.y[39])}"
    assert held == f"held-out rows: {format_plain(record.eval_loss.y[2])}"
    chart.crosshair.show_at(40.3)  # the nearest point may lie on either side
    assert chart.crosshair.words.startswith("Step 40\n")
    chart.crosshair.hide()
    assert chart.crosshair.words == ""


def test_the_best_and_the_checkpoints_are_marked(qtbot: QtBot) -> None:
    chart, record = LossChart(), recorded()
    qtbot.addWidget(chart)
    chart.show_record(record)
    assert record.best_eval is not None
    assert chart.curves["best"].getData()[0].tolist() == [record.best_eval.step]
    assert [line.value() for line in chart.checkpoints] == record.checkpoints[-40:]
    record.checkpoints[:] = [7, 20]
    chart.show_record(record)
    del record.checkpoints[1:]  # it went on from an earlier checkpoint
    chart.show_record(record)
    assert [line.value() for line in chart.checkpoints] == [7]


def test_outliers_are_left_out_of_the_range(qtbot: QtBot) -> None:
    chart, record = LossChart(), recorded()
    qtbot.addWidget(chart)
    record.loss.append(121, 900.0)
    chart.show_record(record)
    chart.getViewBox().updateAutoRange()
    assert chart.getViewBox().viewRange()[1][1] > 800
    chart.clips_outliers = True
    chart.show_record(record)
    assert chart.getViewBox().viewRange()[1][1] < 1.0


def test_pens_are_as_wide_on_every_screen(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = LossChart()
    qtbot.addWidget(chart)
    assert chart.curves["smooth"].opts["pen"].widthF() == 2.0
    monkeypatch.setattr(chart, "devicePixelRatioF", lambda: 2.0)
    chart.restyle()
    assert chart.curves["smooth"].opts["pen"].widthF() == 4.0
    assert chart.curves["held"].opts["pen"].widthF() == 3.0


def test_a_chart_that_cannot_be_saved_is_one_sentence(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart, record, told = LossChart(), recorded(), list[str]()
    qtbot.addWidget(chart)
    path = tmp_path / "gone" / "loss"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **options: (str(path), "Numbers (CSV) (*.csv)"))
    monkeypatch.setattr(MessageBox, "open", lambda box: told.append(box.sentence.text()))
    ask_and_save(chart, chart, record, "Loss")
    assert told == [f"{path}.csv cannot be written: there is no such file or folder."]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".csv"])
def test_a_chart_is_saved(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    panel, record = ChartPanel(), recorded()
    qtbot.addWidget(panel)
    panel.resize(900, 600)
    panel.show_record(record)
    qtbot.waitUntil(lambda: panel.complete, timeout=20_000)
    path = tmp_path / f"loss{suffix}"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **options: (str(path), ""))
    panel.controls.save.click()
    content = path.read_bytes()
    panel.controls.save.click()
    assert path.with_stem("loss 2").stat().st_size > 0 and path.read_bytes() == content  # nothing is overwritten
    (box,) = panel.findChildren(MessageBox)
    assert box.heading.text() == f"The chart is saved as loss 2{suffix}."
    box.close()
    if suffix == ".png":
        assert content.startswith(b"\x89PNG")
    elif suffix == ".svg":
        assert b"<svg" in content and b"<path" in content
    else:
        rows = list(csv.DictReader(content.decode().splitlines()))
        assert [int(r["step"]) for r in rows] == list(range(121))  # step 0 is the evaluation before training
        assert float(rows[40]["loss"]) == pytest.approx(record.loss.y[39])
        assert (
            float(rows[40]["held_out_loss"]) == pytest.approx(record.eval_loss.y[2]) and rows[41]["held_out_loss"] == ""
        )


def test_a_low_chart_has_room_for_its_numbers_and_its_title(qtbot: QtBot) -> None:
    chart = LossChart()
    qtbot.addWidget(chart)
    axis = chart.getAxis("left")
    chart.resize(600, 400)
    chart.show()
    chart.set_left_title("Loss (nats per token)")
    qtbot.waitUntil(lambda: axis.size().height() > 200)
    assert axis.labelText == "Loss (nats per token)"
    chart.resize(600, 140)
    qtbot.waitUntil(lambda: axis.labelText == "Loss")
    chart.resize(600, 70)
    qtbot.waitUntil(lambda: axis.labelText == "" and not axis.label.isVisible())
    chart.resize(600, 400)
    qtbot.waitUntil(lambda: axis.labelText == "Loss (nats per token)" and axis.label.isVisible())
    words = axis.label.mapRectToParent(axis.label.boundingRect())
    assert words.top() >= 0 and words.bottom() <= axis.size().height()
    assert abs(words.center().y() - axis.size().height() / 2) < 2
    for height in (36, 60, 300):
        for _, values in axis.tickValues(0.0, 3000.0, height):
            assert len(values) <= max(1, height // 17)
