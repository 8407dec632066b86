"""Charts that follow from what a method reports."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QAbstractEventDispatcher
from pytestqt.qtbot import QtBot

from app.desktop import language
from app.desktop.language import tr
from app.plots.panel import LOSS, ChartPanel
from app.runs.metrics import select_charts
from app.runs.record import RunRecord
from app.runs.settings_text import REWARDS_KEY, describe_value, list_options
from core import methods
from core.events import Evaluated, Started, Step
from core.run import Run
from tests.app.stories import step_metrics, story_events


def drawn(qtbot: QtBot, record: RunRecord) -> ChartPanel:
    """The panel with a run in it, all charts made."""
    panel = ChartPanel()
    qtbot.addWidget(panel)
    panel.show_record(record)
    qtbot.waitUntil(lambda: panel.complete)
    return panel


def recorded(method: str) -> RunRecord:
    """A whole made-up run of a method."""
    record = RunRecord()
    for event in story_events(Run().replace("output", "somewhere")):
        if isinstance(event, Started):
            event = replace(event, method=method)
        if isinstance(event, Evaluated):
            event = replace(event, metrics={})
        if hasattr(event, "metrics"):
            share = getattr(event, "step", 0) / 120
            event = replace(event, metrics=step_metrics(method, share))
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
    assert [f.title for f in select_charts(method, step_metrics(method, 0.5))] == titles


def test_every_metric_is_in_exactly_one_chart() -> None:
    for method in ("dpo", "simpo", "kto", "dapo", "distill"):
        names = step_metrics(method, 0.5)
        drawn = [m.name for f in select_charts(method, names) for m in f.metrics]
        assert sorted(drawn) == sorted(names)


def test_a_student_that_answers_itself_has_charts_that_speak_of_it() -> None:
    names = ["kl", "own_kl", "hard_loss", "answer_length", "cut_off", "sampling_seconds", "learning_seconds"]
    charts = {f.title: f for f in select_charts("distill", names)}
    assert list(charts) == ["Teacher", "Cut off", "Length", "Time"]
    assert charts["Teacher"].lines == ["kl", "own_kl", "hard_loss"]
    assert "groups" not in charts["Cut off"].sentence.lower()


def test_a_metric_nobody_knows_has_a_chart_of_its_own() -> None:
    (figure,) = select_charts("new", ["odd_number"])
    assert select_charts("grpo", ["odd_number"]) == [figure]
    assert (figure.title, figure.metrics[0].name) == ("Odd number", "odd_number")


def test_heat_has_a_chart_that_says_what_its_numbers_are() -> None:
    for method in ("sft", "grpo", "unknown"):
        (figure,) = select_charts(method, ["thermal_state"])
        assert (figure.title, figure.level) == ("Heat", 2.0) and "2 serious" in figure.sentence
    (figure,) = select_charts("sft", ["computer_speed_percent"])
    assert figure.title == "Heat" and "full speed" in figure.sentence


def test_each_reward_alone_is_in_the_chart_of_the_reward() -> None:
    (figure,) = select_charts("grpo", ["reward_numeric", "reward", "reward_std", "reward_format"])
    assert figure.lines == ["reward", "reward_format", "reward_numeric"]
    assert [m.legend for m in figure.metrics][-2:] == ["thinking format", "numeric answer"]


def test_a_reward_is_called_as_its_tab_calls_it(german: None) -> None:
    (figure,) = select_charts("grpo", ["reward_numeric", "reward", "reward_std", "reward_overlong", "reward_format"])
    assert [tr(m.legend) for m in figure.metrics][-3:] == [
        "Form des Nachdenkens",
        "Zahl als Antwort",
        "Strafe für Überlänge",
    ]
    run = Run(method="grpo").replace("options.rewards", ("numeric=1", "format=0.5"))
    option = dict(list_options("grpo"))[REWARDS_KEY]
    described = describe_value(run, REWARDS_KEY, option, run.options.rewards)
    assert described == "Zahl als Antwort (Gewicht 1), Form des Nachdenkens (Gewicht 0,5)"


def test_every_chart_says_what_it_shows() -> None:
    for spec in methods.load().values():
        for figure in spec.charts:
            assert figure.sentence.endswith(".")
            assert len(figure.sentence) < 240
        assert len({f.key for f in spec.charts}) == len(spec.charts)


@pytest.mark.parametrize("method", ["dpo", "kto", "grpo", "distill"])
def test_the_panel_draws_them(qtbot: QtBot, method: str) -> None:
    record = recorded(method)
    panel = drawn(qtbot, record)
    panel.show()
    charts = select_charts(method, record.metrics)
    assert list(panel.choice.buttons) == [LOSS, *(f.key for f in charts)]
    assert panel.current_chart is panel.charts[charts[0].key]
    for figure in charts:
        panel.choice.buttons[figure.key].click()
        chart = panel.charts[figure.key]
        assert panel.current_chart is chart and chart.isVisible()
        assert panel.sentence.text() == figure.sentence
        for name in figure.lines:
            assert chart.curves[name].getData()[0].tolist() == list(range(1, 121))
        assert " now" in chart.accessibleDescription()
    panel.choice.buttons[LOSS].click()
    assert panel.current_chart is panel.loss
    panel.show_record(record)
    assert panel.current_chart is panel.loss  # what a person chose stays


def test_held_out_values_are_dots_of_their_own(qtbot: QtBot) -> None:
    record = recorded("dpo")
    panel = drawn(qtbot, record)
    panel.choice.buttons["accuracy"].click()
    assert panel.current_chart.curves["held accuracy"].getData()[0].tolist() == [0, 20, 40, 60, 80, 100, 120]


def test_the_spread_is_a_band_around_the_reward(qtbot: QtBot) -> None:
    record = recorded("grpo")
    panel = drawn(qtbot, record)
    panel.controls.smoothing_slider.setValue(0)
    curves = panel.current_chart.curves
    low, high = curves["band low"].getData()[1], curves["band high"].getData()[1]
    assert (high - low).tolist() == pytest.approx([2 * y for y in record.metrics["reward_std"].y])


def test_smoothing_reaches_every_chart(qtbot: QtBot) -> None:
    record = recorded("dpo")
    panel = drawn(qtbot, record)
    panel.controls.smoothing_slider.setValue(0)
    assert panel.current_chart.curves["margin"].getData()[1].tolist() == record.metrics["margin"].y.tolist()
    assert {chart.smoothing for chart in panel.charts.values()} == {0.0}


def test_the_charts_are_made_one_a_turn(qtbot: QtBot) -> None:
    panel = ChartPanel()
    qtbot.addWidget(panel)
    panel.show_record(recorded("dpo"))
    assert not panel.charts
    counts: list[int] = []

    def count() -> None:
        counts.append(len(panel.charts) + sum(chart.chart is not None for chart in panel.small.charts.values()))

    dispatcher = QAbstractEventDispatcher.instance()
    dispatcher.awake.connect(count)
    qtbot.waitUntil(lambda: panel.complete)
    dispatcher.awake.disconnect(count)
    assert sorted(set(counts)) == counts[:1] + list(range(counts[0] + 1, 6))
    assert list(panel.charts) == ["preference"]  # those behind it wait until somebody looks at them


def test_a_panel_that_is_not_made_yet_keeps_what_is_chosen(qtbot: QtBot) -> None:
    panel = ChartPanel()
    qtbot.addWidget(panel)
    panel.show_record(recorded("dpo"))
    panel.choice.buttons["accuracy"].click()
    panel.controls.smoothing_slider.setValue(0)
    panel.controls.log.setChecked(True)
    qtbot.waitUntil(lambda: panel.complete)
    assert list(panel.charts) == ["accuracy"]
    assert panel.current_chart.smoothing == 0.0
    panel.choice.buttons[LOSS].click()
    assert panel.loss is not None and panel.loss.getPlotItem().getAxis("left").logMode


def test_new_curves_take_the_place_of_the_old_ones(qtbot: QtBot) -> None:
    record = RunRecord()
    record.add(Step(1, 1.0, 1e-4, 1.0, 10, 5, 100.0, 1 << 30, 1.0, 0.0, {"kl": 1.0}))
    panel = drawn(qtbot, record)
    (first,) = panel.charts.values()
    record.add(Step(2, 1.0, 1e-4, 1.0, 10, 5, 100.0, 1 << 30, 1.0, 0.0, {"kl": 1.0, "entropy": 2.0}))
    panel.show_record(record)
    (second,) = panel.charts.values()
    assert second is not first and second.curves.keys() > first.curves.keys()


def test_a_part_that_is_looked_at_closely_has_all_its_points(qtbot: QtBot) -> None:
    record = recorded("dpo")
    for name in ("chosen_reward", "rejected_reward", "margin"):
        for step in range(121, 5000):
            record.metrics[name].append(step, 1.0)
    panel = drawn(qtbot, record)
    chart = panel.current_chart
    assert len(chart.curves["margin"].getData()[0]) < 500
    chart.getViewBox().setXRange(1000, 1100, padding=0)
    chart.getViewBox().sigRangeChangedManually.emit([True, False])
    qtbot.waitUntil(lambda: chart.curves["margin"].getData()[0].tolist() == list(range(999, 1101)))
    assert not panel.controls.live.isHidden()
    panel.controls.live.click()
    assert chart.curves["margin"].getData()[0][-1] == 4999


def test_a_chart_says_in_german_what_it_shows(qtbot: QtBot) -> None:
    language.use("de")
    try:
        panel = drawn(qtbot, recorded("dpo"))
    finally:
        language.use("en")
    assert [button.text() for button in panel.choice.buttons.values()] == ["Loss", "Belohnungen", "Trefferquote"]
    assert panel.controls.title.text() == "Belohnungen"
    assert panel.sentence.text().startswith("Wie viel wahrscheinlicher jede Antwort geworden ist als am Anfang.")
