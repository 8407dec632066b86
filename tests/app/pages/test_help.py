"""The help window: every page is there, and links lead from one to another."""

from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QTextBrowser
from pytestqt.qtbot import QtBot

from app.pages.help import PAGES, HelpWindow
from app.shell.window import MainWindow
from core.resources import FOLDER


def test_every_page_that_ships_is_shown(qtbot: QtBot) -> None:
    help_window = HelpWindow()
    qtbot.addWidget(help_window)
    assert set(PAGES) == {file.name for file in (FOLDER / "help").iterdir()}
    for name, page in help_window.pages.items():
        title = (FOLDER / "help" / name).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert page.findChild(QTextBrowser).toPlainText().startswith(title)


def test_tags_are_words(qtbot: QtBot) -> None:
    help_window = HelpWindow()
    qtbot.addWidget(help_window)
    for name in ("rewards.md", "methods.md"):
        text = help_window.pages[name].findChild(QTextBrowser).toPlainText()
        assert "between <think> and </think>" in text


def test_a_link_shows_the_other_page(qtbot: QtBot) -> None:
    help_window = HelpWindow()
    qtbot.addWidget(help_window)
    help_window.show_page("options.md")
    help_window.pages["options.md"].findChild(QTextBrowser).anchorClicked.emit(QUrl("methods.md"))
    assert help_window.tabs.stack.currentWidget() is help_window.pages["methods.md"]


def test_the_menu_opens_it_once(qtbot: QtBot, window: MainWindow) -> None:
    actions = {a.text().replace("&", ""): a for menu in window.menuBar().actions() for a in menu.menu().actions()}
    for _ in range(2):
        actions["Methods, options and models"].trigger()
    assert len(window.findChildren(HelpWindow)) == 1
    assert window.findChild(HelpWindow).isVisible()
