"""New run, from the goal to the result, and what stands in the way said where it can be put right."""

import shlex
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QRadioButton,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.new_run.check import BAD, TITLES
from app.new_run.command import command_line, run_toml
from app.new_run.presets import PRESETS
from app.pages.run import RunPage
from app.shell import dialogs
from app.shell.window import MainWindow
from core.cli import parser
from core.run import Run


def test_from_goal_to_result(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    wizard = window.wizard
    wizard.goal.cards.cards["sft"].radio.click()
    wizard.next_button.click()
    window.draft.set("data.path", str(dataset))
    qtbot.waitUntil(lambda: wizard.data.scanned is not None)
    wizard.next_button.click()
    assert wizard.stack.currentWidget() is wizard.model
    wizard.next_button.click()
    wizard.settings.presets.cards["quick"].radio.click()
    assert window.draft.run.train.steps == 60
    wizard.next_button.click()
    assert wizard.stack.currentWidget() is wizard.check
    qtbot.waitUntil(lambda: wizard.check.start_button.isEnabled(), timeout=30_000)
    wizard.check.start_button.click()
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage)
    assert page.tabs.stack.currentWidget() is page.tabs.charts
    qtbot.waitUntil(lambda: page.tabs.stack.currentWidget() is page.tabs.result)
    assert page.tabs.result.verdict.text() == "Better on unseen examples: 2.41 → 0.57."
    assert "Sample answers as expected: 0% → 100%" in page.tabs.result.figures.text().replace("\u00a0", " ")
    assert window.jobs.current is None


def test_the_demo_is_one_click(qtbot: QtBot, window: MainWindow) -> None:
    window.welcome.demo_button.click()
    page = window.stack.currentWidget()
    assert isinstance(page, RunPage)
    assert (page.run.data.path, page.run.model.path) == ("demo", "starter")
    qtbot.waitUntil(lambda: page.record.is_over)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"prompt": "a", "completion": "b"}\n{"prompt": "a"\n', "line 2"),
        ("", "is empty"),
        ('{"something": 1}\n', "not known"),
    ],
)
def test_bad_data_is_one_sentence_and_nothing_is_lost(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, text: str, words: str
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(text)
    window.draft.set("adapter.rank", 48)
    page = window.wizard.data
    window.open_files([bad])
    if words == "line 2":  # one row is good, the other is named with its line
        qtbot.waitUntil(lambda: page.scanned is not None)
        assert page.file.sentence.text().endswith("1 row is left out, see Problems.")
        rows = [[page.preview.problems.model.index(row, c).data() for c in range(2)] for row in range(2)]
        assert ["Left out", "2"] in rows
    else:
        qtbot.waitUntil(lambda: words in page.blocked_reason())
        assert words in (page.file.sentence if words == "not known" else page.notice.sentence).text()
        window.wizard.next_button.click()
        assert window.wizard.stack.currentWidget() is page
        assert words in page.blocked_reason()
    assert "Traceback" not in page.notice.sentence.text()
    assert window.draft.run.adapter.rank == 48


def test_a_missing_file_and_back_to_the_sample(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    page = window.wizard.data
    window.draft.set("data.path", str(tmp_path / "gone.jsonl"))
    window.wizard.show_named("data")
    qtbot.waitUntil(lambda: not page.notice.isHidden())
    assert "gone.jsonl" in page.notice.sentence.text()
    assert page.zone.isVisible()
    page.file.sample.click()
    assert window.draft.run.data.path == "demo"


def test_what_cannot_start_is_said_with_the_way_to_it(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.draft.set("data.path", str(tmp_path / "gone.jsonl"))
    window.draft.set("model.path", str(tmp_path))
    window.draft.set("train.steps", 5)
    window.draft.set("train.epochs", 1.0)
    check = window.wizard.check
    window.wizard.show_named("check")
    qtbot.waitUntil(lambda: len(check.answers) == len(TITLES) - 1, timeout=30_000)
    bad = {name for name, answer in check.answers.items() if answer.state == BAD}
    assert {"settings", "data", "model"} <= bad
    assert not check.start_button.isEnabled()
    check.rows["data"].change.click()
    assert window.wizard.stack.currentWidget() is window.wizard.data


def test_presets_set_what_they_say(window: MainWindow) -> None:
    settings = window.wizard.settings
    for preset in PRESETS:
        settings.presets.cards[preset.key].radio.click()
        assert preset.matches(window.draft.run)
        window.draft.run.check()
    window.draft.set("adapter.rank", 5)
    assert not any(card.radio.isChecked() for card in settings.presets.cards.values())


def test_a_hub_id_is_read_with_care(qtbot: QtBot, window: MainWindow) -> None:
    page = window.wizard.model
    qtbot.keyClicks(page.hub.id, "not an id")
    page.hub.use_id.click()
    assert "owner/name" in page.hub.status.text()
    assert window.draft.run.model.path == "starter"
    page.hub.id.setText("Qwen/Qwen3-0.6B")
    qtbot.keyPress(page.hub.id, Qt.Key.Key_Return)
    assert window.draft.run.model.path == "Qwen/Qwen3-0.6B"
    assert page.cards.cards["Qwen/Qwen3-0.6B"].radio.isChecked()


def test_every_step_can_be_gone_to_and_back(window: MainWindow) -> None:
    window.draft.set("train.seed", 9)
    for i in (3, 1, 4, 0, 2):
        window.wizard.rail.steps[i].click()
        assert window.wizard.stack.currentIndex() == i
    assert window.draft.run.train.seed == 9


def test_the_window_shows_the_command_that_does_the_same(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run().replace("data.path", str(dataset)).replace("train.learning_rate", 1e-5).replace("adapter.rank", 4)
    run = run.replace("data.shuffle", False).replace("model.allow_code", True).replace("train.steps", 12)
    words = shlex.split(command_line(run).replace("\\\n", " "))
    assert words[:2] == ["hone", "train"]
    trained: list[Run] = []
    monkeypatch.setattr("core.train.train", lambda run, stop, save_now: trained.append(run) or iter(()))
    args = parser().parse_args(words[1:])
    args.command(args, print)
    assert trained == [run]


def test_the_command_and_the_settings_show_no_secrets(window: MainWindow) -> None:
    window.draft.set("model.path", "hf_abcdefghijklmnop")
    window.draft.set("data.path", "https://me:my-own-password@example.org/rows.jsonl")
    for text in (command_line(window.draft.run), run_toml(window.draft.run)):
        assert "abcdefgh" not in text and "my-own-password" not in text and text.count("[hidden]") == 2


def test_each_control_can_be_reached_and_named(window: MainWindow) -> None:
    kinds = (QAbstractButton, QComboBox, QLineEdit, QTableView)
    nameless = [
        w
        for kind in kinds
        for w in window.findChildren(kind)
        if not (w.accessibleName() or getattr(w, "text", str)() or w.objectName().startswith("qt_") or inside(w))
    ]
    assert nameless == []
    assert all(r.focusPolicy() & Qt.FocusPolicy.TabFocus for r in window.findChildren(QRadioButton))


def inside(widget: object) -> bool:
    """Parts that Qt puts inside its own widgets."""
    parent = widget.parent() if isinstance(widget, QWidget) else None
    return isinstance(parent, QAbstractSpinBox | QComboBox | QLineEdit | QTableView)


def test_the_reason_in_the_foot_goes_once_it_is_mended(qtbot: QtBot, window: MainWindow) -> None:
    wizard = window.wizard
    wizard.show_named("settings")
    window.draft.set("train.steps", 5)
    window.draft.set("train.epochs", 2.0)
    wizard.forward()
    assert wizard.current is wizard.settings
    assert wizard._reason.text() == "Give either steps or epochs, not both."
    window.draft.set("train.epochs", None)
    qtbot.waitUntil(lambda: wizard._reason.text() == "")
    assert not wizard._recheck.isActive()


def test_a_new_run_begins_afresh(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [a for menu in window.menuBar().actions() for a in menu.menu().actions()]
    (action,) = (a for a in actions if a.shortcut() == QKeySequence.StandardKey.New)
    window.draft.set("adapter.rank", 48)
    window.wizard.show_named("settings")
    window.go("runs")
    asked: list[str] = []
    monkeypatch.setattr(dialogs, "confirm_begin", lambda parent, data, begin: asked.append(data))
    action.trigger()
    assert len(asked) == 1 and window.draft.run.adapter.rank == 48
    monkeypatch.setattr(dialogs, "confirm_begin", lambda parent, data, begin: begin())
    action.trigger()
    assert window.draft.run == Run()
    assert window.stack.currentWidget() is window.wizard and window.wizard.current is window.wizard.goal
    monkeypatch.setattr(dialogs, "confirm_begin", lambda parent, data, begin: pytest.fail("nothing to lose"))
    action.trigger()
    assert window.draft.run == Run()
