"""In a wide window words and forms are one column; tables and charts take the page."""

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.shell.window import MainWindow
from app.style import theme


def test_words_and_forms_end_at_one_line(qtbot: QtBot, window: MainWindow) -> None:
    window.resize(1920, 1080)
    wizard = window.wizard
    columns: dict[str, tuple[QWidget, ...]] = {
        "goal": (wizard.goal.cards, wizard.goal.about),
        "settings": (wizard.settings.presets, wizard.settings.simple),
    }
    for step, widgets in columns.items():
        wizard.show_named(step)
        for widget in widgets:
            qtbot.waitUntil(lambda widget=widget: widget.width() == theme.COLUMN)
            assert widget.mapTo(wizard, widget.rect().topLeft()).x() == theme.MARGIN
    wizard.settings.tabs.show_page(wizard.settings.search.parentWidget())
    qtbot.waitUntil(lambda: wizard.settings.search.width() == theme.COLUMN)


def test_a_conversation_and_its_field_are_one_column_in_the_middle(qtbot: QtBot, window: MainWindow) -> None:
    window.resize(1920, 1080)
    window.go("chat")
    view = window.chat_page.view
    view.add_turn("A question", ["A model"])
    message = view.question.parentWidget()
    qtbot.waitUntil(lambda: view.bubbles.content.width() == message.width() == theme.COLUMN)
    left, right = (widget.mapTo(view, widget.rect().topLeft()).x() for widget in (view.bubbles.content, message))
    assert abs(left - right) <= 1 and left > 100
