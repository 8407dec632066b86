"""No page makes the UI thread work through a dataset: what it does in a turn is counted, and more rows are not more.

The time of each page is measured in tests/benchmarks/pages.py.
"""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.new_run.draft import Draft
from app.new_run.settings_step import SettingsStep
from app.pages.run import RunPage
from app.plots.load import import_charts
from app.shell.window import MainWindow
from app.widgets.labels import ElidedLabel
from core.run import Run
from tests.app.turns import counted_calls, walk, watch

pytestmark = pytest.mark.usefixtures("idle_work")

MOST = 6000  # Python calls in a turn: what a whole page takes to be drawn; one row to be read takes about 30


def write_rows(path: Path, count: int) -> Path:
    rows = (f'{{"prompt": "What is {i} plus {i}?", "completion": "It is {2 * i}."}}' for i in range(count))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_work_of_a_turn_does_not_grow_with_the_rows(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    for _ in import_charts():  # once in a process, and one turn of it is a large one
        pass
    qtbot.waitUntil(lambda: bool(window.wizard.settings._forms), timeout=20_000)  # the steps are made
    worst: dict[int, dict[str, float]] = {}
    for count in (60, 20_000):
        path = write_rows(tmp_path / f"{count}.jsonl", count)
        worst[count] = {}
        with counted_calls() as calls, watch(calls) as turns:
            for name in walk(window, path, 0.2):
                worst[count][name] = max(turns)
                turns.clear()
    assert all(0 < value < 4 * MOST for value in worst[60].values())
    grown = {page: (worst[60][page], value) for page, value in worst[20_000].items() if value > worst[60][page] + MOST}
    assert grown == {}


def test_a_turn_that_reads_all_rows_is_found(qtbot: QtBot) -> None:
    with counted_calls() as calls, watch(calls) as turns:
        qtbot.wait(20)
        turns.clear()
        for _ in map(lambda n: n, range(20_000)):
            pass
    assert max(turns) >= 20_000


def test_the_forms_are_made_in_parts(qtbot: QtBot) -> None:
    draft = Draft()
    step = SettingsStep(draft)
    qtbot.addWidget(step)
    assert step.prepare() and step.prepare() and not step._forms
    draft.set("method", "grpo")  # meanwhile: they are begun anew
    step.enter()
    assert "options.group_size" in step._forms[1].lines and not step.prepare()


def test_a_run_starts_with_a_page_that_is_made(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.plots import chart

    for _ in import_charts():
        pass
    window.runs.prepare()
    qtbot.waitUntil(lambda: window.runs.is_prepared, timeout=20_000)
    (prepared,) = window.stack.findChildren(RunPage)
    made: list[str] = []
    make = chart.Chart.__init__

    def counted(self: chart.Chart, name: str, **more: bool) -> None:
        made.append(name)
        make(self, name, **more)

    monkeypatch.setattr(chart.Chart, "__init__", counted)
    parts = len(prepared.findChildren(QWidget))
    page = window.runs.start(Run())
    assert page is prepared and page.isVisible() and page.tabs.charts.isVisible()
    assert len(page.findChildren(QWidget)) == parts
    assert page.title in {label.toolTip() for label in page.findChildren(ElidedLabel)}
    qtbot.waitUntil(lambda: window.jobs.current is None, timeout=20_000)
    assert made == [] and len(page.tabs.charts.charts) == 1
    again = window.runs.start(Run())  # no page is kept for it
    assert again is not prepared
