"""What a small model writes may be one word of a hundred letters: it goes on in the next line, and is copied whole."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.widgets.answer_text import AnswerText
from app.widgets.bubbles import AnswerBubble

WORD = "Fr" + "is" * 100


def test_a_long_word_has_room_and_is_copied_as_it_was_written(qtbot: QtBot) -> None:
    label = AnswerText(f"The capital is {WORD}.")
    qtbot.addWidget(label)
    assert label.text() == f"The capital is {WORD}."
    assert label.minimumSizeHint().width() < 300
    assert label.heightForWidth(300) > 3 * label.fontMetrics().lineSpacing()
    label.show()
    shown = super(AnswerText, label).text()
    label.setSelection(15, len(shown) - 15)
    qtbot.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"{WORD}."


def test_words_of_ordinary_length_stay_whole(qtbot: QtBot) -> None:
    label = AnswerText("Donaudampfschifffahrts and others")
    qtbot.addWidget(label)
    assert super(AnswerText, label).text() == label.text()


def test_an_answer_takes_no_more_room_than_its_bubble(qtbot: QtBot) -> None:
    bubble = AnswerBubble("A model")
    qtbot.addWidget(bubble)
    bubble.add(WORD)
    bubble.finish()
    assert bubble.minimumSizeHint().width() < 320 and bubble.answer == WORD
