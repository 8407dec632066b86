"""Two answers stand beside each other where both have room, and one below the other in a narrow window."""

from pytestqt.qtbot import QtBot

from app.widgets.bubbles import BubbleList


def test_answers_beside_and_below_each_other(qtbot: QtBot) -> None:
    bubbles = BubbleList()
    qtbot.addWidget(bubbles)
    bubbles.resize(900, 600)
    bubbles.show()
    first, second = bubbles.add("What is 2 plus 2?", ["tuned", "base"])
    qtbot.waitUntil(lambda: second.x() > first.x() and second.y() == first.y())
    bubbles.resize(380, 600)
    qtbot.waitUntil(lambda: second.x() == first.x() and second.y() > first.y())
    assert first.width() > 300
    third, fourth = bubbles.add("And 3 plus 3?", ["tuned", "base"])
    qtbot.waitUntil(lambda: fourth.y() > third.y())
    bubbles.resize(900, 600)
    qtbot.waitUntil(lambda: second.y() == first.y() and fourth.y() == third.y())
