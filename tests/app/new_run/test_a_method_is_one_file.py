"""A method is one file, in the window as well: its goal's card, its settings, its charts and its sentence follow from
the SPEC in it. The library's part of this is tests/core/methods/test_a_method_is_one_file.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.new_run import goals
from app.new_run.command import command_line
from app.new_run.draft import Draft
from app.new_run.goal_step import GoalPage
from app.plots.panel import LOSS, ChartPanel
from app.runs import history
from app.runs.health import assess
from app.runs.metrics import select_charts
from app.runs.record import RunRecord
from core import methods
from core.events import Evaluated, to_json
from core.run import Run
from tests.app.conftest import started_event, step_event
from tests.core.methods.new_method import NAME, new_method


@pytest.fixture(autouse=True)
def spec(tmp_path: Path) -> Iterator[methods.Method]:
    folder = tmp_path / "methods"
    folder.mkdir()
    with new_method(folder) as method:
        yield method


def record_of(steps: int) -> RunRecord:
    record = RunRecord()
    record.add(started_event(Run(method=NAME), steps))
    record.add(Evaluated(0, 2.0, False, 100, {"certain": 0.25, "targets": 40.0}))
    for n in range(1, steps + 1):
        record.add(replace(step_event(n), metrics={"certain": 0.5, "targets": 30.0, "unknown": 1.0}))
    return record


def test_its_goal_has_a_card_in_its_group(qtbot: QtBot, spec: methods.Method) -> None:
    assert goals.groups()[-1] == goals.Goals(spec.group, (NAME,))
    draft = Draft()
    page = GoalPage(draft)
    qtbot.addWidget(page)
    card = page.cards.cards[NAME]
    assert card.radio.accessibleName() == spec.goal
    card.radio.click()
    assert draft.run.method == NAME
    assert command_line(draft.run.replace("options.gamma", 3.0)).split()[:2] == ["hone", NAME]
    draft.save()  # now, while there is this method


def test_its_metrics_have_its_charts_and_an_unknown_one_a_chart_of_its_own(qtbot: QtBot) -> None:
    charts = select_charts(NAME, ["unknown", "targets", "certain"])
    assert [chart.title for chart in charts] == ["Certainty", "Size", "Unknown"]
    assert charts[0].is_share and not charts[1].is_share
    panel = ChartPanel()
    qtbot.addWidget(panel)
    panel.show_record(record_of(9))
    qtbot.waitUntil(lambda: panel.complete, timeout=20_000)  # it imports pyqtgraph
    assert list(panel.choice.buttons) == [LOSS, "certainty", "size", "unknown"]
    assert panel.sentence.text() == "The share of words that the model is certain of. It should rise."
    assert panel.current_chart.accessibleDescription() == (
        "Certain words 50% at first, 50% now; certain words on held-out rows 25% at first, 25% now."
    )


def test_its_sentence_is_shown_while_it_trains() -> None:
    assert assess(record_of(9)).sentence == "Certain of 50%."
    assert assess(record_of(3)).sentence.startswith("Training has begun")


def test_the_list_of_runs_shows_what_its_verdict_goes_by(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    Run(method=NAME).write(folder / "run.toml")
    (folder / "events.jsonl").write_text(to_json(Evaluated(5, 1.0, True, 100, {"certain": 0.75})) + "\n")
    entry = history.read_entry(folder)
    assert entry is not None and (entry.method, entry.result) == ("Focal", "75% certain")
