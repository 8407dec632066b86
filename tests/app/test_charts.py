"""Charts that follow from what a method reports."""

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from app.metrics import FIGURES, figures
from app.plots.curves import Curves
from app.plots.panel import LOSS, Charts
from app.record import Record
from core.events import Evaluated, Started
from core.run import Run
from tests.app.stories import metrics, told


def recorded(method: str) -> Record:
    """A whole made-up run of a method."""
    record = Record()
    for event in told(Run().replace("output", "somewhere")):
        if isinstance(event, Started):
            event = replace(event, method=method)
        if isinstance(event, Evaluated):
            event = replace(event, metrics={})
        if hasattr(event, "metrics"):
            share = getattr(event, "step", 0) / 120
            event = replace(event, metrics=metrics(method, share))
        record.add(event)
    return record


@pytest.mark.parametrize(
    ("method", "titles"),
    [
        ("sft", []),
        ("dpo", ["Rewards", "Accuracy"]),
        ("simpo", ["Rewards", "Accuracy"]),
        ("kto", ["Rewards", "Accuracy", "Drift"]),
        ("distill", ["Teacher"]),
        ("grpo", ["Reward", "Groups", "Drift", "Length", "Time"]),
        ("dapo", ["Reward", "Groups", "Thrown away", "Drift", "Length", "Time"]),
    ],
)
def test_each_method_has_the_charts_of_what_it_reports(method: str, titles: list[str]) -> None:
    assert [f.title for f in figures(method, metrics(method, 0.5))] == titles


def test_every_metric_is_in_exactly_one_chart() -> None:
    for method in ("dpo", "simpo", "kto", "dapo", "distill"):
        names = metrics(method, 0.5)
        drawn = [m.name for f in figures(method, names) for m in f.metrics]
        assert sorted(drawn) == sorted(names)


def test_a_metric_nobody_knows_has_a_chart_of_its_own() -> None:
    (figure,) = figures("new", ["odd_number"])
    assert (figure.title, figure.metrics[0].name) == ("Odd number", "odd_number")


def test_each_reward_alone_is_in_the_chart_of_the_reward() -> None:
    (figure,) = figures("grpo", ["reward_numeric", "reward", "reward_std", "reward_format"])
    assert Curves.drawn(figure) == ["reward", "reward_format", "reward_numeric"]


def test_every_chart_says_what_it_shows() -> None:
    for figure in FIGURES:
        assert figure.sentence.endswith(".")
        assert len(figure.sentence) < 240
    assert len({f.key for f in FIGURES}) == len(FIGURES)


@pytest.mark.parametrize("method", ["dpo", "kto", "grpo", "distill"])
def test_the_panel_draws_them(qtbot: QtBot, method: str) -> None:
    record, panel = recorded(method), Charts()
    qtbot.addWidget(panel)
    panel.show()
    panel.show_record(record)
    wanted = figures(method, record.metrics)
    assert list(panel.choice.buttons) == [LOSS, *(f.key for f in wanted)]
    assert panel.shown is panel.charts[wanted[0].key]
    for figure in wanted:
        panel.choice.buttons[figure.key].click()
        chart = panel.charts[figure.key]
        assert panel.shown is chart and chart.isVisible()
        assert panel.sentence.text() == figure.sentence
        for name in Curves.drawn(figure):
            assert chart.curves[name].getData()[0].tolist() == list(range(1, 121))
        assert " now" in chart.accessibleDescription()
    panel.choice.buttons[LOSS].click()
    assert panel.shown is panel.loss
    panel.show_record(record)
    assert panel.shown is panel.loss  # what a person chose stays


def test_held_out_values_are_dots_of_their_own(qtbot: QtBot) -> None:
    record, panel = recorded("dpo"), Charts()
    qtbot.addWidget(panel)
    panel.show_record(record)
    panel.choice.buttons["accuracy"].click()
    assert panel.shown.curves["held accuracy"].getData()[0].tolist() == [0, 20, 40, 60, 80, 100, 120]


def test_the_spread_is_a_band_around_the_reward(qtbot: QtBot) -> None:
    record, panel = recorded("grpo"), Charts()
    qtbot.addWidget(panel)
    panel.smoothing.setValue(0)
    panel.show_record(record)
    curves = panel.shown.curves
    low, high = curves["band low"].getData()[1], curves["band high"].getData()[1]
    assert (high - low).tolist() == pytest.approx((2 * record.metrics["reward_std"].y).tolist())


def test_smoothing_reaches_every_chart(qtbot: QtBot) -> None:
    record, panel = recorded("dpo"), Charts()
    qtbot.addWidget(panel)
    panel.show_record(record)
    panel.smoothing.setValue(0)
    assert panel.shown.curves["margin"].getData()[1].tolist() == record.metrics["margin"].y.tolist()
    assert {chart.smoothing for chart in panel.charts.values()} == {0.0}
