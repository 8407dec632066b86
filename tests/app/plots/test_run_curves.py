"""Curves of several runs over each other: looks of their own, by step, tokens or time, removed when no longer shown."""

from pytestqt.qtbot import QtBot

from app.plots.axes import TOKENS
from app.plots.comparison_chart import HELD_OUT, TRAINING, ComparisonChart
from app.plots.legend import run_dash
from app.runs.record import RunRecord
from core.events import Evaluated
from tests.app.conftest import step_event


def make_record(level: float, steps: int = 30) -> RunRecord:
    record = RunRecord()
    for step in range(1, steps + 1):
        record.add(step_event(step, level))
        if step % 10 == 0:
            record.add(Evaluated(step, level + step / 100, True, 10))
    return record


def test_each_run_has_a_colour_and_a_dash(qtbot: QtBot) -> None:
    chart = ComparisonChart()
    qtbot.addWidget(chart)
    chart.show_runs([(f"run {n}", make_record(n + 1.0)) for n in range(8)])
    pens = [curve.opts["pen"] for curve in chart.curves.values()]
    assert len({(pen.color().name(), pen.style()) for pen in pens}) == 8
    assert [pen.style() for pen in pens] == [run_dash(n) for n in range(8)]


def test_the_chart_draws_what_is_chosen_and_drops_the_rest(qtbot: QtBot) -> None:
    chart = ComparisonChart()
    qtbot.addWidget(chart)
    runs = [("first", make_record(1.0)), ("second", make_record(2.0, 20)), ("third", RunRecord())]
    chart.show_runs(runs)
    assert chart.quantity == HELD_OUT
    x, y = chart.curves["run 1"].getOriginalDataset()
    assert (list(x), list(y)) == ([10, 20], [2.1, 2.2])
    assert chart.curve_words() == {"run 0": "first", "run 1": "second", "run 2": "third"}
    chart.quantity = TRAINING
    chart.set_kind(TOKENS)
    chart.show_runs(runs[:1])
    x, y = chart.curves["run 0"].getOriginalDataset()
    assert (list(chart.curves), x[-1], y[-1]) == (["run 0"], 900, 1.0)
    assert chart.accessibleDescription() == "first: 1.000 at first, 1.000 at last"
    chart.show_runs([])
    assert chart.accessibleDescription() == "Nothing to draw yet."
