"""The answers that a run writes and scores itself, read while they come."""

import json
from pathlib import Path
from threading import Event as Flag

import pytest
from pytestqt.qtbot import QtBot

from app.pages.rollouts import RolloutsPage
from app.pages.run import RunPage
from app.runs.rollout_samples import MAX_GROUPS, RolloutReader
from app.shell.window import MainWindow
from app.widgets.answers import AnswerPair
from app.widgets.labels import Label
from app.widgets.scored_answer import AnswerCard
from core.events import Sample
from core.run import Run
from tests.app.stories import play_story, rollout_group


def write(path: Path, *steps: int) -> None:
    with path.open("a", encoding="utf-8") as file:
        for step in steps:
            file.write(json.dumps(rollout_group(step, 0.0)) + "\n")


def test_groups_are_read_as_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    reader = RolloutReader(path)
    assert not reader.read()
    write(path, 1, 2)
    assert reader.read()
    assert not reader.read()
    with path.open("a") as file:
        file.write(json.dumps(rollout_group(3, 0.0))[:40])
    reader.read()
    assert [g.step for g in reader.groups] == [1, 2]
    with path.open("a") as file:
        file.write(json.dumps(rollout_group(3, 0.0))[40:] + "\n")
    reader.read()
    assert [g.step for g in reader.groups] == [1, 2, 3]
    path.write_text("")
    write(path, 9)
    reader.read()
    assert [g.step for g in reader.groups] == [9]


def test_only_the_newest_are_kept_and_other_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text('not json\n{"answers": 3}\n')
    write(path, *range(MAX_GROUPS + 5))
    reader = RolloutReader(path)
    reader.read()
    assert len(reader.groups) == MAX_GROUPS
    assert reader.groups[-1].step == MAX_GROUPS + 4


def test_a_groups_numbers_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    write(path, 2, 4)
    reader = RolloutReader(path)
    reader.read()
    two, flat = reader.groups
    assert two.rewards == pytest.approx([1.2, 1.2, 0.2, 0.2])  # the best first
    assert two.mean == pytest.approx(0.7)
    assert not two.flat and flat.flat
    assert two.rollouts[0].visible == "The answer is 42."
    assert two.rollouts[0].thinking == "2 + 40. First the tens, then the ones."


def test_the_page_shows_scores_reasons_and_folds_the_thinking(qtbot: QtBot, tmp_path: Path) -> None:
    write(tmp_path / "samples.jsonl", 1, 2)
    page = RolloutsPage()
    qtbot.addWidget(page)
    page.use(tmp_path)
    page.show()
    page.refresh()
    qtbot.waitUntil(lambda: page.group is not None)
    assert page.group is not None and page.group.step == 2
    cards = page.answers.findChildren(AnswerCard)
    assert len(cards) == 4
    assert cards[0].answer.text() == "The answer is 42."
    assert cards[0].thinking.isHidden()
    cards[0].fold_button.click()
    assert not cards[0].thinking.isHidden()
    write(tmp_path / "samples.jsonl", 3)
    page.refresh()
    qtbot.waitUntil(lambda: page.model.rowCount() == 3)
    assert page.group.step == 2  # what is being read stays
    page.table.selectRow(0)
    assert page.group.step == 3


def test_a_reasoning_run_has_the_tab_and_another_has_not(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    for method, has_tab in (("grpo", True), ("sft", False)):
        run = Run(method=method).replace("output", str(tmp_path / method))
        for _ in play_story(run, Flag(), Flag()):
            pass
        window.open_run(tmp_path / method)
        page = window.stack.currentWidget()
        assert isinstance(page, RunPage)
        assert page.tabs.bar.isTabVisible(page.tabs.stack.indexOf(page.tabs.rollouts)) == has_tab
        if has_tab:
            page.tabs.show_page(page.tabs.rollouts)
            qtbot.waitUntil(lambda page=page: page.tabs.rollouts.model.rowCount() == 120)


def test_thinking_stands_apart_from_the_answer_before_and_after(qtbot: QtBot) -> None:
    pair = AnswerPair("", "Before", "After")
    qtbot.addWidget(pair)
    pair.show()
    pair.show_samples(
        Sample(0, "before", 0, "What is 2 + 2?", "5", "4"),
        Sample(9, "after", 0, "What is 2 + 2?", "<think>\n2 + 2 = 4\n</think>\n\n4", "4"),
    )
    assert (pair.left.text(), pair.right.text()) == ("5", "4")
    texts = [t.text() for t in pair.findChildren(Label) if t.isVisible()]
    assert "Thinking: 2 + 2 = 4" in texts
    assert pair.expected.text() == "In the data: 4  ✓ exactly as expected"
