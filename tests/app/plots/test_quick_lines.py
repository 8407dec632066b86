"""Lines are drawn in the way that Qt is quick at: in pieces, with no more points than can be told apart, and once."""

import math

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from pytest import MonkeyPatch
from pytestqt.qtbot import QtBot

from app.plots.chart import Chart
from app.plots.comparison_chart import TRAINING, ComparisonChart
from app.plots.curves import MetricChart
from app.plots.loss_chart import LossChart
from app.plots.panel import LOSS, ChartPanel
from app.runs.record import RunRecord
from core.methods import ChartSpec, Metric
from core.run import Run
from tests.app.conftest import started_event, step_event

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


class Paints(QObject):
    """Counts how often each chart is painted."""

    def __init__(self, charts: dict[str, Chart]) -> None:
        super().__init__()
        self.counts = dict.fromkeys(charts, 0)
        self._names = {chart.viewport(): name for name, chart in charts.items()}
        self._heights = {name: chart.height() // 2 for name, chart in charts.items()}
        for view in self._names:
            view.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        name = self._names.get(watched)
        if name and isinstance(event, QPaintEvent) and event.rect().height() > self._heights[name]:
            self.counts[name] += 1
        return False


def test_a_step_paints_the_large_chart_and_then_the_small_ones_one_by_one_each_once(qtbot: QtBot) -> None:
    panel = ChartPanel()
    qtbot.addWidget(panel)
    panel.resize(900, 600)
    panel.show()
    record = RunRecord()
    record.add(started_event(Run(), 400))
    for step in range(1, 8):
        record.add(step_event(step, 1 / step))
    panel.show_record(record)
    qtbot.waitUntil(lambda: panel.complete, timeout=20_000)
    qtbot.wait(50)
    assert panel.loss is not None
    small = {name: chart.chart for name, chart in panel.small.charts.items() if chart.chart is not None}
    paints = Paints({LOSS: panel.loss, **small})
    record.add(step_event(9, 3.0))  # higher than all before, and further right than the axis
    panel.show_next(record)
    qtbot.waitUntil(lambda: sum(paints.counts.values()) >= 2)
    qtbot.wait(20)
    assert paints.counts == {LOSS: 1, "learning_rate": 1, "grad_norm": 0, "speed": 0, "memory": 0}
    qtbot.waitUntil(lambda: all(count >= 1 for count in paints.counts.values()))  # though no step follows
    qtbot.wait(50)
    assert set(paints.counts.values()) == {1}
    assert len({tuple(chart.getViewBox().viewRange()[0]) for chart in small.values()}) == 1
