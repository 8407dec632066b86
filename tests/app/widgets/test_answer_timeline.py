"""A prompt's answers over the run, with what changed."""

from pytestqt.qtbot import QtBot

from app.widgets.answer_timeline import AnswerTimeline
from core.events import Sample

STORY = ["I do not know.", "It is 5.", "It is 4.", "It is 4."]
STAGES = ["before", "during", "during", "after"]


def story(index: int = 0, count: int = 4) -> list[Sample]:
    steps = (0, 20, 40, 60)
    rows = list(zip(steps, STAGES, STORY, strict=True))[:count]
    return [Sample(step, stage, index, f"Question {index}", text, "It is 4.") for step, stage, text in rows]


def test_answers_in_order_with_changed_words_marked(qtbot: QtBot) -> None:
    timeline = AnswerTimeline()
    qtbot.addWidget(timeline)
    samples = story()
    timeline.show_samples({0: samples[:2]})
    first = timeline.rows[0]
    timeline.show_samples({0: samples})
    assert timeline.rows[0] is first  # only what is new is added
    assert [row.answer.changed for row in timeline.rows] == [[], ["It is 5"], ["4"], []]
    assert [row.note.text() for row in timeline.rows] == [
        "", "", "✓ exactly as expected", "✓ exactly as expected · the same as before",
    ]  # fmt: skip
    assert timeline.rows[2].answer.accessibleName() == "It is 4.\nNew: 4"
    assert "text-decoration: underline" in timeline.rows[2].answer.text()
    assert timeline.expected.text() == "In the data: It is 4."


def test_the_other_questions_are_a_button_away(qtbot: QtBot) -> None:
    timeline = AnswerTimeline()
    qtbot.addWidget(timeline)
    timeline.show()
    assert not timeline.forward.isVisible() and timeline._empty.isVisible()
    timeline.show_samples({0: story(0), 2: story(2)})
    assert timeline.place.text() == "1 of 2" and timeline.prompt.text() == "Question 0"
    timeline.forward.click()
    assert timeline.place.text() == "2 of 2" and timeline.prompt.text() == "Question 2" and len(timeline.rows) == 4
    timeline.forward.click()
    assert timeline.prompt.text() == "Question 0"


def test_what_a_resumed_run_left_behind_goes(qtbot: QtBot) -> None:
    timeline = AnswerTimeline()
    qtbot.addWidget(timeline)
    timeline.show_samples({0: story()})
    timeline.show_samples({0: story(count=2)})
    assert len(timeline.rows) == 2


def test_markup_in_an_answer_is_text(qtbot: QtBot) -> None:
    timeline = AnswerTimeline()
    qtbot.addWidget(timeline)
    timeline.show_samples({0: [Sample(0, "before", 0, "Q", "a <b>bold</b>\nmove & more", "")]})
    assert timeline.rows[0].answer.text() == "a &lt;b&gt;bold&lt;/b&gt;<br>move &amp; more"


def test_of_very_many_answers_the_first_and_the_newest(qtbot: QtBot) -> None:
    timeline = AnswerTimeline()
    qtbot.addWidget(timeline)
    many = [Sample(n, "during" if n else "before", 0, "Q", f"answer {n}", "") for n in range(100)]
    timeline.show_samples({0: many})
    assert len(timeline.rows) == 60 and timeline.rows[1].answer.changed == ["41"]
    assert [timeline.rows[n].answer.text() for n in (0, -1)] == ["answer 0", timeline.rows[-1].answer.text()]
    assert "99" in timeline.rows[-1].answer.text()
