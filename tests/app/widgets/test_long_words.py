"""A word of a hundred letters, a long path or file name goes on in the next line, and is copied whole."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.widgets.bubbles import AnswerBubble
from app.widgets.labels import Label
from app.widgets.long_words import break_words, join_words

WORD = "Fr" + "is" * 100
NAME = "a_very_long_name_of_a_dataset_2026.final.jsonl"


def test_a_long_word_has_room_and_is_copied_as_it_was_written(qtbot: QtBot) -> None:
    label = Label(f"The capital is {WORD}.", selectable=True)
    qtbot.addWidget(label)
    assert label.text() == f"The capital is {WORD}."
    assert label.minimumSizeHint().width() < 300
    assert label.heightForWidth(300) > 3 * label.fontMetrics().lineSpacing()
    label.show()
    label.setSelection(15, len(QLabel.text(label)) - 15)
    qtbot.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == f"{WORD}."


def test_breaks_lie_where_a_reader_expects_them() -> None:
    assert break_words(NAME).split("\u200b")[:3] == ["a_", "very_", "long_"]
    for text in ("Donaudampfschiffahrts and others", "/a/path-of/short-parts/that-is-long-itself", "https://a.b/c"):
        assert break_words(text) == text
    for text in (WORD, NAME, f"{WORD}/{NAME}"):
        broken = break_words(text)
        assert join_words(broken) == text
        assert all(len(part) <= 24 for part in broken.replace("/", "\u200b").split("\u200b"))


def test_an_answer_takes_no_more_room_than_its_bubble(qtbot: QtBot) -> None:
    bubble = AnswerBubble("A model")
    qtbot.addWidget(bubble)
    bubble.add(WORD)
    bubble.finish()
    assert bubble.minimumSizeHint().width() < 320 and bubble.answer == WORD
