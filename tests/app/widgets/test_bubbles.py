"""Two answers stand beside each other where both have room, and one below the other in a narrow window."""

from PySide6.QtCore import QEvent, QObject
from pytestqt.qtbot import QtBot

from app.widgets.bubbles import AnswerBubble, BubbleList


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


def test_a_conversation_that_narrows_is_never_drawn_squeezed(qtbot: QtBot) -> None:
    bubbles = BubbleList()
    qtbot.addWidget(bubbles)
    bubbles.resize(900, 600)
    bubbles.show()
    answers = [answer for n in range(3) for answer in bubbles.add(f"What is {n} plus 2?", ["tuned", "base"])]
    for answer in answers:
        answer.finish("<think>The sum.</think> It is what the two are together. " * 2)
    qtbot.waitUntil(lambda: answers[1].y() == answers[0].y() and answers[1].height() > 100)
    qtbot.wait(50)
    lowest: list[tuple[int, int]] = []  # (height, height needed) of an answer that is drawn

    class Watch(QObject):
        def eventFilter(self, widget: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint and isinstance(widget, AnswerBubble):
                lowest.append((widget.height(), widget.heightForWidth(widget.width())))
            return False

    watch = Watch(bubbles)
    for answer in answers:
        answer.installEventFilter(watch)
    bubbles.resize(380, 600)
    qtbot.waitUntil(lambda: answers[1].y() > answers[0].y() and bool(lowest))
    qtbot.wait(50)
    assert [drawn for drawn, needed in lowest if drawn < needed] == []
