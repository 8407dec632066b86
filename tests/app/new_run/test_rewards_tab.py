"""Which rewards count is one option; trying them shows each score and why, and changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QCheckBox, QWidget
from pytestqt.qtbot import QtBot

from app.new_run.draft import Draft
from app.new_run.rewards_tab import REWARD_OPTIONS, RewardsTab
from app.new_run.settings_step import SettingsStep
from app.new_run.try_rewards import split_answers
from app.runs.settings_text import REWARDS_KEY
from app.widgets import allow_code
from core import trust
from core.rewards import REWARDS
from core.run.flags import option_value
from tests.app.new_run.test_form import change, flat


@pytest.fixture
def settings(qtbot: QtBot) -> SettingsStep:
    draft = Draft()
    draft.set("method", "grpo")
    page = SettingsStep(draft)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    page.forms  # noqa: B018  # made as the step is shown
    page.tabs.show_page(page._rewards)
    return page


@pytest.fixture
def page(settings: SettingsStep) -> RewardsTab:
    return settings.rewards


def test_the_tab_is_there_for_methods_that_score(qtbot: QtBot, settings: SettingsStep) -> None:
    place = settings.tabs.stack.indexOf(settings._rewards)
    assert settings.tabs.bar.isTabVisible(place)
    settings._draft.set("method", "sft")
    assert not settings.tabs.bar.isTabVisible(place)


def test_a_box_and_a_weight_change_the_rewards_alone(page: RewardsTab) -> None:
    draft = page._draft
    for name in REWARDS:
        old_values = flat(draft.run)
        line = page.rows[name]
        if not line.box.isChecked():
            line.box.click()
        line.weight.setValue(0.5)
        new_values = flat(draft.run)
        assert {k for k in new_values if new_values[k] != old_values[k]} == {REWARDS_KEY}
        assert f"{name}=0.5" in option_value(draft.run, REWARDS_KEY)


def test_without_any_reward_the_last_one_stays(page: RewardsTab) -> None:
    page.rows["numeric"].box.click()
    assert page.rows["numeric"].box.isChecked()
    assert option_value(page._draft.run, REWARDS_KEY) == ("numeric=1",)
    assert not page._only_one.isHidden()  # nothing is taken back without a word
    page.rows["exact"].box.click()
    assert page._only_one.isHidden()


def test_what_a_reward_needs_is_asked_once_it_counts(qtbot: QtBot, settings: SettingsStep, page: RewardsTab) -> None:
    assert page._form is not None
    lines = page._form.lines
    for name, keys in REWARD_OPTIONS.items():
        assert all(lines[key].isHidden() for key in keys)
        page.rows[name].box.click()
        assert not any(lines[key].isHidden() for key in keys)
    assert "needs “Reward pattern”" in settings.blocked_reason()
    for key in (key for keys in REWARD_OPTIONS.values() for key in keys):
        old_values = flat(page._draft.run)
        new_value = change(qtbot, lines[key])
        new_values = flat(page._draft.run)
        assert {k for k in new_values if new_values[k] != old_values[k]} == {key}
        assert new_values[key] == new_value
    assert settings.blocked_reason() == ""


def test_rewards_for_reasoning_take_the_place_of_the_others(page: RewardsTab) -> None:
    assert page._reasoning_form is not None
    (line,) = page._reasoning_form.lines.values()
    assert isinstance(line.field.control, QCheckBox)
    line.field.control.click()
    assert option_value(page._draft.run, "options.reasoning_rewards") is True
    assert not page.card.isEnabled()


def test_trying_shows_each_score_and_why_and_changes_nothing(qtbot: QtBot, page: RewardsTab) -> None:
    old_run = page._draft.run
    trying = page.trying
    trying.question.setText("What is 40 + 2?")
    trying.expected.setText("42")
    trying.answers.setPlainText("The answer is 42.\n41\nI do not know.")
    with qtbot.waitSignal(trying.scored):
        trying.button.click()
    assert [c.answer.text() for c in trying.cards] == ["The answer is 42.", "41", "I do not know."]
    totals = [c.findChildren(type(c.answer))[0].text() for c in trying.cards]
    assert totals == ["1.00", "0.00", "0.00"]
    assert page._draft.run == old_run


def test_a_question_comes_from_the_data(qtbot: QtBot, page: RewardsTab) -> None:
    page.trying.data_button.click()
    qtbot.waitUntil(lambda: bool(page.trying.question.text()))
    first = page.trying.question.text()
    assert page.trying.expected.text()
    page.trying.data_button.click()
    qtbot.waitUntil(lambda: page.trying.question.text() != first)


def test_an_own_file_runs_only_once_it_is_allowed(
    qtbot: QtBot, page: RewardsTab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, mark = tmp_path / "mine.py", tmp_path / "ran"
    file.write_text(f"open({str(mark)!r}, 'w')\ndef reward(answers, expected):\n    return [len(a) for a in answers]\n")
    draft, trying = page._draft, page.trying
    draft.set(REWARDS_KEY, ("file=1",))
    draft.set("options.reward_file", str(file))
    trying.answers.setPlainText("four")
    asked: list[trust.Code] = []
    answer = False

    def confirm(parent: QWidget, code: trust.Code, answered: Callable[[bool], None]) -> None:
        asked.append(code)
        answered(answer)

    monkeypatch.setattr(allow_code, "confirm", confirm)
    draft.set("options.allow_reward_code", True)  # a yes in the settings counts for nothing
    trying.button.click()
    assert "has not been allowed to run" in trying.notice.sentence.text()
    assert not mark.exists()
    answer = True
    with qtbot.waitSignal(trying.scored, timeout=30_000):
        trying.button.click()
    assert mark.exists()
    assert trying.cards[0].findChildren(type(trying.cards[0].answer))[0].text() == "4.00"
    file.write_text("def reward(answers):\n    raise ValueError('no')\n")
    with qtbot.waitSignal(trying.scored, timeout=30_000):
        trying.button.click()
    assert "mine.py, line 2" in trying.notice.sentence.text()
    assert [code.path for code in asked] == [file] * 3 and len({code.digest for code in asked}) == 2


def test_answers_are_divided_by_lines_or_by_dashes() -> None:
    assert split_answers("one\n\ntwo\n") == ["one", "two"]
    assert split_answers("one\nmore\n---\ntwo\n ---\n") == ["one\nmore", "two"]
    assert split_answers(" \n") == []
