"""The Result tab: the verdict in the tone that the core gives it."""

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from app.runs.conversation import Turn
from app.shell.window import MainWindow
from app.threads import export_calls
from app.widgets.answers import AnswerPair
from core.events import Sample
from core.run import Run
from core.training.forgetting import FILE, General, Record
from tests.app.conftest import CAVEAT, play_script
from tests.app.pages.test_export import source


@pytest.mark.parametrize(("caveat", "tone"), [("", "good"), (CAVEAT, "warn")])
def test_answers_of_no_use_make_the_verdict_amber(qtbot: QtBot, window: MainWindow, caveat: str, tone: str) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5, caveat)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.result.isVisible())
    assert page.tabs.result.verdict.text() == f"Better on unseen examples: 2.41 → 0.57. {caveat}".strip()
    assert page.tabs.result.tone == tone


def test_done_leads_to_a_chat_with_the_model_of_the_run(qtbot: QtBot, window: MainWindow) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and window.jobs.current is None and page.tabs.result.isVisible())
    page.tabs.result.chat_button.click()
    chat = window.chat_page
    assert window.stack.currentWidget() is chat
    qtbot.waitUntil(lambda: chat.model.chosen.key == str(page.folder))


def test_the_chat_opens_with_the_newest_run_but_keeps_a_conversation(qtbot: QtBot, window: MainWindow) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    chat = window.chat_page
    first = window.runs.start(Run())
    qtbot.waitUntil(lambda: first.record.is_over and window.jobs.current is None)
    window.go("chat")
    qtbot.waitUntil(lambda: chat.model.chosen.key == str(first.folder))
    chat._conversation.turns.append(Turn("Hello"))
    second = window.runs.start(Run().replace("output", f"{first.folder}-2"))
    qtbot.waitUntil(lambda: second.record.is_over and window.jobs.current is None)
    window.go("chat")
    qtbot.wait(300)
    assert chat.model.chosen.key == str(first.folder)


def test_what_it_cost_is_shown_by_the_general_answers_that_changed(qtbot: QtBot, window: MainWindow) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.result.isVisible())
    assert not page.tabs.result.general.isVisible()
    questions, before = ["What is 2 + 2?", "Is ice cold?"], General([], ["4", "Yes."])
    record = Record(questions, 100, before, General([], ["Blue.", "Yes."]))
    (page.folder / FILE).write_text(record.to_json())
    page.tabs.result.show_result(Run(), page.record, page.folder)
    assert page.tabs.result.general_button.text() == "What it cost: 1 of 2 answers to general questions changed"
    assert not page.tabs.result.general.isVisible()
    page.tabs.result.general_button.click()
    qtbot.waitUntil(lambda: not page.tabs.result.general_button.visibleRegion().isEmpty())  # it can be folded again
    pairs = [pair for pair in page.tabs.result.general.findChildren(AnswerPair) if pair.isVisible()]
    assert [(p.prompt.text(), p.left.text(), p.right.text()) for p in pairs] == [("What is 2 + 2?", "4", "Blue.")]


def test_answers_to_what_was_learned_are_not_called_unseen(qtbot: QtBot, window: MainWindow) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.result.isVisible())
    assert page.tabs.result._answers_heading.text() == "Before and after, on questions it has not studied"
    assert page.record.started is not None
    page.record.started = replace(page.record.started, eval_rows=0)
    page.tabs.result.show_result(Run(), page.record, page.folder)
    assert page.tabs.result._answers_heading.text() == "Before and after, on questions it has learned from"


def test_what_a_person_came_for_comes_first_however_many_answers_there_are(qtbot: QtBot, window: MainWindow) -> None:
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.result.isVisible())
    page.record.samples = {
        n: [Sample(0, "before", n, f"Question {n}?", "No."), Sample(5, "after", n, f"Question {n}?", "Yes.")]
        for n in range(200)
    }
    result = page.tabs.result
    (page.folder / "adapters.safetensors").touch()
    result.show_result(Run(), page.record, page.folder)
    order = (result.verdict, result.answers, result.ask, result.use_it)
    tops = [widget.mapTo(result, widget.rect().topLeft()).y() for widget in order]
    assert tops == sorted(tops)
    pairs = result.answers.findChildren(AnswerPair)
    assert len(pairs) == 1 and result.answers.more.text() == "199 more questions"
    result.answers.more.click()
    assert len(result.answers.findChildren(AnswerPair)) == 21 and result.answers.more.text() == "179 more questions"


def test_the_way_to_use_it_takes_the_keyboard_along(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_calls, "inspect_source", lambda folder: source())
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now, 5)
    page = window.runs.start(Run())
    qtbot.waitUntil(lambda: page.record.is_over and page.tabs.result.isVisible())
    (page.folder / "adapters.safetensors").touch()
    result = page.tabs.result
    result.show_result(Run(), page.record, page.folder)
    qtbot.waitUntil(lambda: bool(result.use_it.rows))
    result.use_button.click()
    first = next(iter(result.use_it.rows.values()))
    assert window.focusWidget() is first.button
