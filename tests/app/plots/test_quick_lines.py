"""Lines are drawn in the way that Qt is quick at: in pieces, and with no more points than can be told apart."""

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from pytest import MonkeyPatch
from pytestqt.qtbot import QtBot

from app.plots.chart import Chart
from app.plots.comparison_chart import TRAINING, ComparisonChart
from app.plots.curves import MetricChart
from app.plots.loss_chart import LossChart
from app.runs.record import RunRecord
from core.methods import ChartSpec, Metric

STEPS = 20_000
WIDTH = 800  # pixels


def make_record() -> RunRecord:
    record = RunRecord()
    for n in range(STEPS):
        record.loss.append(n, 2 + math.sin(n * 7.3))
    record.metrics["reward"] = record.loss
    return record


def painted(chart: Chart, monkeypatch: MonkeyPatch) -> list[float]:
    """The widths of the pens with which the chart draws whole paths."""
    widths: list[float] = []
    draw_path = QPainter.drawPath
    monkeypatch.setattr(QPainter, "drawPath", lambda p, path: (widths.append(p.pen().widthF()), draw_path(p, path))[1])
    chart.grab()
    return widths


def test_thick_lines_are_drawn_in_pieces(qtbot: QtBot, monkeypatch: MonkeyPatch) -> None:
    record = make_record()
    loss, metric = LossChart(), MetricChart(ChartSpec("r", "R", "Rewards.", (Metric("reward", "reward"),)))
    for chart in (loss, metric):
        qtbot.addWidget(chart)
        chart.resize(WIDTH, 400)
        chart.show_record(record)
        with monkeypatch.context() as patch:
            widths = painted(chart, patch)
        assert widths and max(widths) <= 1  # what each step was, and between the dots, in thin lines


def test_each_step_is_drawn_with_a_few_points_a_pixel(qtbot: QtBot) -> None:
    chart = LossChart()
    qtbot.addWidget(chart)
    chart.resize(WIDTH, 400)
    chart.show_record(make_record())
    for first, last in ((0, STEPS), (0, 6 * WIDTH), (1000, 1000 + 3 * WIDTH), (500, 500 + WIDTH // 2)):
        chart.getViewBox().setXRange(first, last, padding=0)
        x, y = chart.curves["raw"].getData()
        assert min(last - first, WIDTH) * 0.8 < len(x) < 4 * WIDTH
        assert min(y) < 1.01 and max(y) > 2.99  # the lowest and the highest are kept


def test_lines_with_dashes_have_fewer_points(qtbot: QtBot) -> None:
    chart = ComparisonChart()
    qtbot.addWidget(chart)
    chart.quantity = TRAINING
    chart.show_runs([(f"run {n}", make_record()) for n in range(2)])
    solid, dashed = (chart.curves[f"run {n}"] for n in range(2))
    assert (solid.opts["pen"].style(), dashed.opts["pen"].style()) == (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)
    assert len(dashed.getData()[0]) < 200 < len(solid.getData()[0])
