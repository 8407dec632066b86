"""The card of the dataset's files: the name is what a person looks for."""

import pytest
from pytestqt.qtbot import QtBot

from app.widgets.file_card import FileCard


@pytest.mark.parametrize("name", ["thumbs.jsonl", "questions.jsonl", "a longer name of my questions.jsonl"])
def test_the_name_is_whole_in_a_small_window(qtbot: QtBot, german: None, name: str) -> None:
    card = FileCard()
    qtbot.addWidget(card)
    card.sentence.setText("120")
    card.resize(650, 90)
    card.show()
    card.show_name(name, f"/somewhere/{name}")
    qtbot.wait(10)
    assert card.name.width() >= card.name.fontMetrics().horizontalAdvance(name)
    assert card.sentence.y() != card.name.y() and card.change.y() > card.name.y()
    card.resize(1100, 90)
    qtbot.wait(10)
    assert card.change.y() < card.sentence.y()  # beside the name, where it has room
    assert card.sample.x() < card.choose_other.x()
