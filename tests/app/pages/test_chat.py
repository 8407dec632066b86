"""Chats on a thread of their own: words as they come, both sides, giving way to a run."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.pages.ask_both import AskBothCard
from app.pages.chat import ChatPage
from app.runs.chat_session import BUSY, ChatSession
from app.runs.job_queue import JobQueue
from app.shell.window import MainWindow
from core.errors import BadModel
from core.run import Run, runs_folder
from tests.app.conftest import play_script


class FakeChat:
    """Repeats what it is asked, word by word; remembers the threads it lives on."""

    threads: set[int]

    def __init__(self) -> None:
        self.threads = {threading.get_ident()}
        self.questions: list[list[dict[str, str]]] = []
        self.samplings: list[dict[str, object]] = []
        self.wait: Flag | None = None

    note = ""

    def answer(
        self, messages: list[dict[str, str]], *, adapter: str | bool = True, **sampling: object
    ) -> Iterator[str]:
        self.threads.add(threading.get_ident())
        self.questions.append(list(messages))
        self.samplings.append(sampling)
        yield f"{Path(adapter).name}: " if isinstance(adapter, str) else "after: " if adapter else "before: "
        for word in messages[-1]["content"].split():
            if self.wait is not None:
                self.wait.wait(5)
            yield word + " "


def choose(page: ChatPage, index: int) -> None:
    page.model.box.setCurrentIndex(index)
    page.model.box.activated.emit(index)


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[JobQueue]:
    queue = JobQueue()
    yield queue
    queue.shut_down()


def test_both_sides_answer_one_after_the_other(qtbot: QtBot, jobs: JobQueue) -> None:
    chat = FakeChat()
    ask = AskBothCard(jobs)
    qtbot.addWidget(ask)
    ask.use(lambda: chat)
    qtbot.keyClicks(ask.question, "who are you")
    ask.button.click()
    assert not ask.button.isEnabled()
    qtbot.waitUntil(ask.button.isEnabled)
    assert ask.before.text.text() == "before: who are you"
    assert ask.after.text.text() == "after: who are you"
    ask.ask()
    qtbot.waitUntil(lambda: len(chat.questions) == 4)
    qtbot.waitUntil(ask.button.isEnabled)


def test_the_model_lives_on_one_thread_that_is_not_the_windows(qtbot: QtBot, jobs: JobQueue) -> None:
    chats: list[FakeChat] = []
    session = ChatSession(jobs)
    session.use(lambda: chats.append(FakeChat()) or chats[0])
    finished_tickets: list[int] = []
    session.answer_finished.connect(finished_tickets.append)
    tickets = [session.ask([{"role": "user", "content": "hello"}]) for _ in range(3)]
    qtbot.waitUntil(lambda: finished_tickets == tickets)
    assert len(chats) == 1
    assert len(chats[0].threads) == 1
    assert threading.get_ident() not in chats[0].threads


def test_a_model_that_cannot_be_loaded_is_a_sentence(qtbot: QtBot, jobs: JobQueue) -> None:
    def fail_to_load() -> FakeChat:
        raise BadModel("There is no model folder here.")

    ask = AskBothCard(jobs)
    qtbot.addWidget(ask)
    ask.use(fail_to_load)
    ask.question.setText("hello")
    ask.ask()
    qtbot.waitUntil(lambda: ask.state.text() == "There is no model folder here.")
    assert ask.button.isEnabled()
    assert ask.question.text() == "hello"


def test_a_chat_begins_only_once_somebody_listens(qtbot: QtBot, jobs: JobQueue) -> None:
    def fail_to_load() -> FakeChat:
        raise BadModel("There is no model folder here.")

    thread = jobs.make_chat(fail_to_load)
    assert thread is not None
    time.sleep(0.05)  # a thread that ran by itself would have failed by now, unheard
    with qtbot.waitSignal(thread.failed) as signal:
        thread.start()
    assert signal.args == ["There is no model folder here."]


def test_an_answer_can_be_cut_short(qtbot: QtBot, jobs: JobQueue) -> None:
    chat, pieces = FakeChat(), []
    chat.wait = Flag()
    session = ChatSession(jobs)
    session.use(lambda: chat)
    session.text_written.connect(lambda ticket, text: pieces.append(text))
    ticket = session.ask([{"role": "user", "content": "one two three four"}])
    qtbot.waitUntil(lambda: pieces == ["after: "])
    session.stop_answers()
    with qtbot.waitSignal(session.answer_finished) as signal:
        chat.wait.set()
    assert signal.args == [ticket]
    assert len(pieces) < 4


def test_a_run_takes_the_model_and_a_chat_waits(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    chat, go = FakeChat(), Flag()
    page = window.chat_page
    window.go("chat")
    page.session.use(lambda: chat)
    page.view.question.setPlainText("hello there")
    page.send()
    qtbot.waitUntil(lambda: page.view.button.text() == "Send")

    def train_events(run: Run):  # type: ignore[no-untyped-def]
        def events(stop: Flag, save_now: Flag):  # type: ignore[no-untyped-def]
            go.wait(5)
            yield from play_script(run, stop, save_now, steps=3)

        return events

    window.runs.train_events = train_events
    run_page = window.runs.start(Run().replace("data.path", str(dataset)))
    window.go("chat")
    page.view.question.setPlainText("are you there")
    page.send()
    assert page.notice.sentence.text() == BUSY
    assert page.view.question.text() == "are you there"
    go.set()
    qtbot.waitUntil(lambda: run_page.record.is_over and window.jobs.current is None)
    page.send()
    qtbot.waitUntil(lambda: len(chat.questions) == 2)
    assert [m["content"].strip() for m in chat.questions[1]] == ["hello there", "before: hello there", "are you there"]
    qtbot.waitUntil(lambda: page.view.button.text() == "Send")


def test_trained_runs_can_be_talked_to(qtbot: QtBot, window: MainWindow) -> None:
    list(play_script(Run().replace("output", str(runs_folder() / "mine")), Flag(), Flag(), steps=3))
    window.go("chat")
    page = window.chat_page
    qtbot.waitUntil(lambda: page.model.box.count() == 2)
    assert page.model.box.itemData(1) == str(runs_folder() / "mine")
    choose(page, 1)
    assert page.notice.isHidden()
    page.start_anew()
    assert page.view.bubbles.content_layout.count() == 1


def test_shift_and_return_begin_a_line_and_return_sends(qtbot: QtBot, window: MainWindow) -> None:
    chat, page = FakeChat(), window.chat_page
    window.go("chat")
    page.session.use(lambda: chat)
    qtbot.waitUntil(page.view.question.isVisible)
    height = page.view.question.height()
    qtbot.keyClicks(page.view.question, "one")
    assert page.view.question.height() == height
    qtbot.keyClick(page.view.question, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(page.view.question, "two")
    assert page.view.question.text() == "one\ntwo"
    assert page.view.question.height() > height
    qtbot.keyClick(page.view.question, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(chat.questions) == 1)
    assert chat.questions[0][0]["content"] == "one\ntwo"
    assert page.view.question.text() == "" and page.view.question.height() == height
    qtbot.waitUntil(lambda: page.view.button.text() == "Send")
    page.view.question.setPlainText("line\n" * 40)
    assert page.view.question.height() < 200
