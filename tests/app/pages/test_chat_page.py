"""The Chat page: several models side by side, settings, thinking, what is kept, corrections, and freed memory."""

import json
import stat
import sys
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.pages import chat as chat_module
from app.pages.chat import ChatPage
from app.pages.chat_settings import ChatSettings
from app.pages.correct_answer import CorrectAnswerDialog
from app.runs.job_queue import JobQueue
from app.shell.window import MainWindow
from app.threads import core_calls
from app.threads.chat_thread import Sampling
from app.widgets.bubbles import AnswerBubble
from core.errors import BadModel
from core.run import Run, runs_folder
from tests.app.conftest import play_script
from tests.app.pages.test_chat import FakeChat, choose


@pytest.fixture
def chats(monkeypatch: pytest.MonkeyPatch) -> list[FakeChat]:
    """The chats that the page opens instead of models."""
    opened: list[FakeChat] = []

    def chat_opener(run: Run, adapter: str | None):  # type: ignore[no-untyped-def]
        return lambda: opened.append(FakeChat()) or opened[-1]

    monkeypatch.setattr(chat_module, "chat_opener", chat_opener)
    return opened


@pytest.fixture
def page(qtbot: QtBot, chats: list[FakeChat], window: MainWindow) -> ChatPage:
    """The page with the starter model and the runs "one" and "two" over it, of which "one" is chosen."""
    for name in ("one", "two"):
        list(play_script(Run().replace("output", str(runs_folder() / name)), Flag(), Flag(), steps=1))
    window.go("chat")
    qtbot.waitUntil(lambda: window.chat_page.model.box.count() == 3)
    choose(window.chat_page, window.chat_page.model.box.findData(str(runs_folder() / "one")))
    return window.chat_page


def say(qtbot: QtBot, page: ChatPage, text: str) -> None:
    page.view.question.setPlainText(text)
    page.send()
    assert page.view.button.text() == "Stop"
    qtbot.waitUntil(lambda: page.view.button.text() == "Send")


def bubbles(page: ChatPage) -> list[AnswerBubble]:
    return page.view.bubbles.findChildren(AnswerBubble)


def test_models_answer_side_by_side_each_with_its_own_conversation(
    qtbot: QtBot, page: ChatPage, chats: list[FakeChat]
) -> None:
    assert [action.text().partition(",")[0] for action in page.model.menu.actions()] == [
        "Starter model", "Starter model + two", "", "An adapter's folder…",
    ]  # fmt: skip
    for action in page.model.menu.actions()[:2]:
        action.trigger()
    assert page.model.beside_button.text() == "Compared with 2 others"
    page.panel.settings.system.setPlainText("Be short.")
    say(qtbot, page, "hello")
    assert [bubble.answer for bubble in bubbles(page)] == ["one: hello", "before: hello", "two: hello"]
    say(qtbot, page, "again")
    assert len(chats) == 1  # the base was loaded once
    asked = chats[0].questions[-3:]
    assert [[m["content"] for m in messages] for messages in asked] == [
        ["Be short.", "hello", f"{name}: hello", "again"] for name in ("one", "before", "two")
    ]


def test_a_list_that_comes_late_takes_no_choice_and_no_conversation_away(qtbot: QtBot, page: ChatPage) -> None:
    one, two = (page.model.box.findData(str(runs_folder() / name)) for name in ("one", "two"))
    models = list(page.model._models)
    page.talk_to(runs_folder() / "two")
    choose(page, one)
    page.model.show_models(models)
    assert page.model.box.currentIndex() == one
    page.talk_to(runs_folder() / "two")
    say(qtbot, page, "hello")
    page.model.show_models(models)
    assert page.model.box.currentIndex() == one and len(bubbles(page)) == 1
    page.talk_to(runs_folder() / "two")
    page.model.show_models(models)
    assert page.model.box.currentIndex() == two


def test_the_settings_reach_the_model(qtbot: QtBot, page: ChatPage, chats: list[FakeChat]) -> None:
    settings = page.panel.settings
    assert not settings.top_p.isEnabled() and not settings.seed.isEnabled()
    settings.temperature.setValue(0.7)
    settings.top_p.setValue(0.9)
    settings.length.setValue(33)
    settings.seed.setText("x7")
    assert settings.seed.is_wrong
    settings.seed.setText("7")
    assert not settings.seed.is_wrong
    say(qtbot, page, "hello")
    assert chats[0].samplings == [{"max_tokens": 33, "temperature": 0.7, "top_p": 0.9, "seed": 7}]


def test_stop_ends_the_answers_that_wait_too(qtbot: QtBot, page: ChatPage, chats: list[FakeChat]) -> None:
    page.model.menu.actions()[0].trigger()
    say(qtbot, page, "hello")
    chats[0].wait = Flag()
    page.view.question.setPlainText("one two three")
    page.send()
    qtbot.waitUntil(lambda: bubbles(page)[2].written != "")
    page.send()
    chats[0].wait.set()
    qtbot.waitUntil(lambda: page.view.button.text() == "Send")
    assert bubbles(page)[2].answer in ("one:", "one: one")
    assert bubbles(page)[3].text.text() == "(no answer)"
    assert [bubble.state.text() for bubble in bubbles(page)] == ["", "", "Stopped", "Stopped"]
    assert len(chats[0].questions) == 3


def test_thinking_is_folded(qtbot: QtBot) -> None:
    bubble = AnswerBubble("A model")
    qtbot.addWidget(bubble)
    bubble.show()
    bubble.add("<think>\nFirst ")
    assert bubble.thinking_button.text() == "Thinking…"
    assert (bubble.text.text(), bubble.thinking.isVisible()) == ("…", False)
    bubble.add("this.\n</think>\n\nThen that.")
    bubble.finish()
    assert (bubble.thinking_button.text(), bubble.text.text()) == ("Thinking", "Then that.")
    bubble.thinking_button.click()
    assert bubble.thinking.isVisible() and bubble.thinking.text() == "First this."
    bubble.copy_button.click()
    assert QApplication.clipboard().text() == "Then that."


def test_conversations_are_kept_opened_and_deleted(qtbot: QtBot, page: ChatPage) -> None:
    page.panel.history_button.click()
    assert page.panel.isVisible() and not page.panel.conversations.rows
    page.model.menu.actions()[0].trigger()
    say(qtbot, page, "hello")
    say(qtbot, page, "again")
    (path,) = page.panel.conversations.rows
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    page.new_button.click()
    say(qtbot, page, "another")
    assert len(page.panel.conversations.rows) == 2
    page.panel.conversations.rows[path][0].click()
    qtbot.waitUntil(lambda: len(bubbles(page)) == 4)  # those of the other conversation are gone
    assert [bubble.answer for bubble in bubbles(page)] == [
        "one: hello", "before: hello", "one: again", "before: again",
    ]  # fmt: skip
    assert [model.adapter for model in page.model.beside] == [""]
    say(qtbot, page, "more")
    assert len(json.loads(path.read_text())["turns"]) == 3
    page.panel.conversations.rows[path][1].click()
    assert not path.exists() and path not in page.panel.conversations.rows
    assert page._conversation.turns == []
    choose(page, 0)  # another model has its own
    assert not page.panel.conversations.rows


def test_a_corrected_answer_becomes_a_row_or_a_pair(qtbot: QtBot, page: ChatPage, tmp_path: Path) -> None:
    say(qtbot, page, "hello")
    (bubble,) = bubbles(page)
    for kind, name in (("row", "rows.jsonl"), ("pair", "pairs.jsonl")):
        bubble.correct_button.click()
        dialog = page.findChildren(CorrectAnswerDialog)[-1]
        assert dialog.answer.toPlainText() == "one: hello"
        dialog.kind.buttons[kind].click()
        dialog.file.setText(str(tmp_path / name))
        assert dialog.add_button.isEnabled() == (kind == "row")  # both answers of the pair are the same
        dialog.answer.setPlainText("Hello!")
        dialog.add_button.click()
        assert bubble.state.text() == f"Added to {name}"
    question = {"role": "user", "content": "hello"}
    assert json.loads((tmp_path / "rows.jsonl").read_text()) == {
        "messages": [question, {"role": "assistant", "content": "Hello!"}]
    }
    assert json.loads((tmp_path / "pairs.jsonl").read_text()) == {
        "prompt": "hello", "chosen": "Hello!", "rejected": "one: hello",
    }  # fmt: skip
    bubble.correct_button.click()
    dialog = page.findChildren(CorrectAnswerDialog)[-1]
    assert dialog.file.text() == str(tmp_path / "rows.jsonl")
    dialog.file.setText(str(tmp_path / "pairs.jsonl"))
    dialog.add_button.click()
    assert dialog.isVisible() and "pairs.jsonl has rows of another kind" in dialog.problem.text()
    dialog.file.setText("mine.jsonl")  # a name alone is a file where one was chosen last, not where Hone was started
    dialog.file.editingFinished.emit()
    assert dialog.file.text() == str(Path(preferences.last_folder()) / "mine.jsonl")
    dialog.reject()


def test_a_corrected_answer_keeps_the_system_prompt_that_it_was_asked_under(
    qtbot: QtBot, page: ChatPage, tmp_path: Path
) -> None:
    say(qtbot, page, "hello")
    page.panel.settings.system.setPlainText("Be brief.")
    say(qtbot, page, "again")
    bubbles(page)[0].correct_button.click()
    dialog = page.findChildren(CorrectAnswerDialog)[-1]
    dialog.file.setText(str(tmp_path / "rows.jsonl"))
    dialog.answer.setPlainText("Hello!")
    dialog.add_button.click()
    (row,) = map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines())
    assert [message["role"] for message in row["messages"]] == ["user", "assistant"]
    assert page._conversation.messages(page.model.chosen.adapter, 1)[0]["content"] == "Be brief."


def test_an_adapter_from_elsewhere_is_dropped_on_the_window(
    qtbot: QtBot, window: MainWindow, page: ChatPage, tmp_path: Path, chats: list[FakeChat]
) -> None:
    folder = tmp_path / "peft one"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "starter"}))
    window.open_files([folder])
    qtbot.waitUntil(lambda: [model.title for model in page.model.beside] == ["peft one"])
    say(qtbot, page, "hello")
    assert [bubble.answer for bubble in bubbles(page)] == ["one: hello", "peft one: hello"]
    (folder / "adapter_config.json").write_text(json.dumps({"model": "someone/elses"}))
    window.open_files([folder])
    qtbot.waitUntil(page.notice.isVisible)
    assert "belongs to someone/elses, which is not on this computer" in page.notice.sentence.text()
    with pytest.raises(BadModel, match="holds no adapter"):
        core_calls.adapter_base(tmp_path)


def test_the_model_is_freed_when_it_changes_and_some_time_after_the_page_was_left(
    qtbot: QtBot, window: MainWindow, page: ChatPage, chats: list[FakeChat], monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[bool] = []
    mlx = types.SimpleNamespace(clear_cache=lambda: cleared.append(True), clear_streams=lambda: None)
    monkeypatch.setitem(sys.modules, "mlx.core", mlx)

    def ask_and_forget(text: str) -> weakref.ref[FakeChat]:
        say(qtbot, page, text)
        cleared.clear()
        return weakref.ref(chats.pop())

    def is_free(model: weakref.ref[FakeChat]) -> bool:
        return model() is None and bool(cleared)

    model = ask_and_forget("hello")
    assert page.panel.settings.free_button.isEnabled()
    choose(page, 0)
    qtbot.waitUntil(lambda: is_free(model))
    qtbot.waitUntil(lambda: not page.panel.settings.free_button.isEnabled())
    model = ask_and_forget("hello")
    page.panel.settings.free_button.click()
    qtbot.waitUntil(lambda: is_free(model))
    model = ask_and_forget("hello")
    page.release_timer.setInterval(0)
    window.go("runs")
    qtbot.waitUntil(lambda: is_free(model))
    assert bubbles(page)  # the conversation stays


@pytest.fixture(autouse=True)
def no_dialog_left() -> Iterator[None]:
    yield
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, CorrectAnswerDialog):
            widget.close()


def test_the_model_is_that_of_the_last_time(qtbot: QtBot) -> None:
    run, jobs = Run().replace("output", str(runs_folder() / "pirate")), JobQueue()
    list(play_script(run, Flag(), Flag(), steps=5))
    for is_first in (True, False):
        page = ChatPage(jobs)
        qtbot.addWidget(page)
        page.show()
        qtbot.waitUntil(lambda page=page: page.model.box.count() == 2)
        if is_first:
            choose(page, page.model.box.findData(run.output))
        assert page.model.chosen.key == run.output
        page.close()
    jobs.shut_down()


def test_a_model_that_is_gone_is_told(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    chat = window.chat_page
    chat.talk_to(tmp_path / "gone")
    window.go("chat")
    qtbot.waitUntil(chat.notice.isVisible)
    assert chat.notice.sentence.text() == f"The model in {tmp_path / 'gone'} is not there any more."
    assert chat.model.chosen.key == "starter"


def test_the_settings_are_those_of_the_last_time(qtbot: QtBot, window: MainWindow) -> None:
    window.go("chat")
    settings = window.chat_page.panel.settings
    settings.system.setPlainText("Answer in one sentence.")
    settings.temperature.setValue(0.7)
    settings.top_p.setValue(0.9)
    settings.length.setValue(200)
    window.go("runs")
    again = ChatSettings()
    qtbot.addWidget(again)
    assert again.system.toPlainText() == "Answer in one sentence."
    assert (again.sampling.temperature, again.sampling.top_p, again.sampling.max_tokens) == (0.7, 0.9, 200)
    preferences.set_chat_settings({"temperature": "hot", "max_tokens": None})  # damaged
    plain = ChatSettings()
    qtbot.addWidget(plain)
    assert plain.sampling == Sampling()
