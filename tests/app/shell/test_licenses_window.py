"""About Hone leads to the licences of what it is made from."""

import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.desktop import licenses
from app.desktop.licenses import License
from app.shell import dialogs
from app.shell.licenses_window import LicensesWindow
from app.shell.window import MainWindow
from app.widgets.message_box import MessageBox


def test_about_leads_to_a_list_with_texts(qtbot: QtBot, window: MainWindow) -> None:
    dialogs.show_about(window)
    (about,) = window.findChildren(MessageBox)
    assert about.heading.text().startswith("Hone ")
    (button,) = [b for b in about.buttons if b.text() == "Licences…"]
    button.click()
    (shown,) = window.findChildren(LicensesWindow)
    assert shown.isVisible() and not about.isVisible()
    qtbot.waitUntil(lambda: shown.parts.count() > 0, timeout=30_000)
    names = [shown.parts.item(row).text().split()[0] for row in range(shown.parts.count())]
    assert names[:2] == ["Hone", "Python"] and {"mlx", "numpy", "shiboken6", "transformers"} <= set(names)
    assert "Apache License" in shown.text.toPlainText()
    shown.parts.setCurrentRow(names.index("shiboken6"))
    assert shown.text.toPlainText().startswith("shiboken6 6.")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in shown.text.toPlainText()
    shown.close()
    qtbot.waitUntil(lambda: not window.findChildren(LicensesWindow))


def test_a_frozen_app_shows_what_was_put_into_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one = License("part", "1.0", "MIT", (("COPYING", "first"), ("NOTICE", "second")))
    licenses.write_folder([one], tmp_path / "licenses")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert licenses.list_licenses() == [one]
    assert one.text == "COPYING\n\nfirst\n\nNOTICE\n\nsecond"
