"""A newer version is told in the sidebar, unobtrusively; nothing is asked while a run trains."""

import dataclasses
import json
from pathlib import Path

import pytest
from PySide6.QtGui import QAction, QDesktopServices
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

import core
from app.shell.window import MainWindow
from app.widgets.message_box import MessageBox
from core import update_check
from core.update_check import Updates

NEWER = Updates(asked=1.0, version="9.1", notes="Faster.", page="https://example.org/hone")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[float]:
    """How often the address was asked; the answer is a newer version."""
    calls: list[float] = []

    def ask() -> Updates:
        calls.append(1.0)
        file = update_check.updates_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(dataclasses.asdict(NEWER)))
        return NEWER

    monkeypatch.setattr(update_check, "FOLDER", tmp_path)
    monkeypatch.setattr(update_check, "ask", ask)
    monkeypatch.setattr("app.shell.updates._FIRST_LOOK_MS", 10**6)  # on a busy machine it would come meanwhile
    monkeypatch.setattr(core, "__version__", "0.9")
    (tmp_path / "releases.url").write_text("https://example.org/releases")
    return calls


def test_a_newer_version_is_a_button_that_leads_to_its_page(
    qtbot: QtBot, asked: list[float], window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    button = window.sidebar.update_button
    assert not button.isVisible()
    window.updates.look()
    qtbot.waitUntil(button.isVisible)
    assert button.text() == "Hone 9.1 is available…" and len(asked) == 1
    button.click()
    (box,) = window.findChildren(MessageBox)
    assert box.heading.text() == "Hone 9.1 is available." and box.details.toPlainText() == "Faster."
    next(b for b in box.buttons if b.text() == "Open its page").click()
    assert opened == ["https://example.org/hone"]


def test_nothing_is_asked_during_a_run(
    qtbot: QtBot, asked: list[float], window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.jobs, "current", object())
    window.updates.look()
    monkeypatch.setattr(window.jobs, "current", None)
    assert asked == []
    window.updates.look()
    qtbot.waitUntil(lambda: len(asked) == 1)


def test_the_switch_in_the_menu(qtbot: QtBot, asked: list[float], window: MainWindow) -> None:
    (look,) = [a for a in window.findChildren(QAction) if a.text() == "Look for &updates once a day"]
    (menu,) = [m for m in window.findChildren(QMenu) if look in m.actions()]
    menu.aboutToShow.emit()
    assert look.isChecked()
    look.trigger()
    menu.aboutToShow.emit()
    assert not look.isChecked() and not update_check.read_updates().wanted
    window.updates.look()
    qtbot.wait(50)
    assert asked == [] and not window.sidebar.update_button.isVisible()
