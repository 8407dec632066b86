"""The help window: every page is there, and links lead from one to another."""

from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QTextBrowser
from pytestqt.qtbot import QtBot

from app.pages.help import PAGES, HelpWindow
from app.shell.window import MainWindow
from core.data.format.column_names import PROMPT
from core.data.format.shapes import SHAPES
from core.data.kinds import TEXT
from core.data.read.files import ENDINGS
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


def test_the_data_step_and_the_data_page_lead_to_the_help_about_data(window: MainWindow) -> None:
    window.go("new")
    window.wizard.show_named("data")
    window.wizard.data.help_button.click()
    help_window = window.findChild(HelpWindow)
    assert help_window.isVisible() and help_window.tabs.stack.currentWidget() is help_window.pages["data.md"]
    help_window.show_page("options.md")
    help_window.close()
    window.go("data")
    window.datasets_page.help_button.click()
    assert help_window.isVisible() and help_window.tabs.stack.currentWidget() is help_window.pages["data.md"]


def test_the_help_about_data_knows_what_is_read(qtbot: QtBot) -> None:
    help_window = HelpWindow()
    qtbot.addWidget(help_window)
    text = help_window.pages["data.md"].findChild(QTextBrowser).toPlainText()
    for words in (*ENDINGS, *PROMPT, *(shape.name for shape in SHAPES[TEXT] if not shape.expected), "{{name}}"):
        assert words in text
