"""A control that cannot be used says why: to who points at it, and to a screen reader."""

import ast
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QPushButton,
    QTabBar,
    QTextBrowser,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.pages.chat_settings import ChatSettings
from app.shell.window import MainWindow
from app.widgets import disabled
from app.widgets.disabled import disable

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextBrowser,
)
APP = Path(disabled.__file__).parents[1]
# What a menu or a list lets be chosen is no widget: it has its reason beside it, or as its tooltip.
_NO_WIDGETS = {"action", "item", "entry", ""}


def unexplained(page: QWidget) -> list[str]:
    """The controls that are seen and disabled by themselves, without a word about it."""
    return [
        f"{type(control).__name__} {control.accessibleName() or control.text()}"  # type: ignore[attr-defined]
        for control in page.findChildren(QWidget)
        if isinstance(control, CONTROLS) and not is_part(control) and control.isVisibleTo(page)
        if not control.isEnabled() and (control.parentWidget() or page).isEnabled()
        if not (control.toolTip() and control.accessibleDescription())
    ]


def is_part(control: QWidget) -> bool:
    """Whether Qt has made a control inside another one."""
    parent = control.parentWidget()
    while parent is not None:
        if isinstance(parent, QComboBox | QAbstractSpinBox | QLineEdit | QAbstractItemView | QTabBar | QMenuBar):
            return True
        parent = parent.parentWidget()
    return False


def test_no_control_is_disabled_in_another_way() -> None:
    others = []
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else "" if isinstance(owner, ast.Call) else "a widget"
            if node.func.attr == "setEnabled" and name not in _NO_WIDGETS and path != Path(disabled.__file__):
                others.append(f"{path.relative_to(APP)}:{node.lineno}")
    assert others == []


def test_the_reason_gives_way_to_what_the_control_said_before(qtbot: QtBot) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    button.setToolTip("What it does")
    for reason in ("Not yet.", "Not today."):
        disable(button, reason)
        assert not button.isEnabled() and button.toolTip() == button.accessibleDescription() == reason
    disable(button, "")
    assert button.isEnabled() and (button.toolTip(), button.accessibleDescription()) == ("What it does", "")


@pytest.mark.parametrize("method", ["sft", "dpo", "kto", "grpo", "distill"])
def test_the_steps_of_a_new_run(qtbot: QtBot, window: MainWindow, method: str) -> None:
    window.draft.set("method", method)
    for step in range(5):
        window.wizard.show_step(step)
        assert unexplained(window.wizard) == []
    preview = window.wizard.data.preview
    preview.show_run(window.draft.run)
    assert preview.tokens.learn.isEnabled() == (method in ("sft", "distill"))


def test_the_other_places_and_a_run(qtbot: QtBot, window: MainWindow) -> None:
    for place in ("welcome", "runs", "data", "chat"):
        window.go(place)
        assert unexplained(window) == []
    page = window.runs.start(window.draft.run)
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.charts.complete, timeout=20_000)
    assert unexplained(page) == []


def test_a_seed_that_is_none_is_told(qtbot: QtBot) -> None:
    settings = ChatSettings()
    qtbot.addWidget(settings)
    settings.show()
    assert unexplained(settings) == []
    settings.temperature.setValue(1.0)
    settings.seed.setText("four")
    assert settings.sampling.seed is None and "not used" in settings.seed_meaning.text()
    settings.seed.setText("4")
    assert settings.sampling.seed == 4 and "not used" not in settings.seed_meaning.text()
