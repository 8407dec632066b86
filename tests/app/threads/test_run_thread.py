"""RunThread: events in order on the UI thread, a UserError as its sentence, a bug as its whole traceback."""

import threading
from collections.abc import Iterator

from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from app.threads.run_thread import RunThread, train_events
from core.errors import BadData
from core.events import Event, Phase
from core.run import Run


def test_events_arrive_in_order_on_the_ui_thread(qtbot: QtBot) -> None:
    source_threads: list[QThread] = []

    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        source_threads.append(QThread.currentThread())
        yield from (Phase(str(n)) for n in range(200))

    thread, collector = RunThread(events), Collector()
    thread.event_arrived.connect(collector.take)
    with qtbot.waitSignal(thread.finished):
        thread.start()
    qtbot.waitUntil(lambda: len(collector.events) == 200)
    assert [e.name for e in collector.events] == [str(n) for n in range(200)]
    assert collector.threads == {QThread.currentThread()}
    assert source_threads[0] is not QThread.currentThread()


def test_a_users_mistake_is_one_sentence(qtbot: QtBot) -> None:
    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        yield Phase("Preparing data")
        raise BadData("rows.jsonl, line 3: the answer is empty.")

    thread = RunThread(events)
    with qtbot.waitSignal(thread.failed) as signal, qtbot.assertNotEmitted(thread.crashed):
        thread.start()
    assert signal.args == ["rows.jsonl, line 3: the answer is empty."]
    thread.wait()


def test_a_bug_travels_whole(qtbot: QtBot) -> None:
    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        yield Phase("Training")
        raise ZeroDivisionError("a bug")

    thread = RunThread(events)
    with qtbot.waitSignal(thread.crashed) as signal, qtbot.assertNotEmitted(thread.failed):
        thread.start()
    assert "ZeroDivisionError: a bug" in signal.args[0]
    thread.wait()


def test_stop_and_save_reach_the_generator(qtbot: QtBot) -> None:
    def events(stop: threading.Event, save_now: threading.Event) -> Iterator[Event]:
        yield Phase("Training")
        assert save_now.wait(5)
        yield Phase("Saving")
        assert stop.wait(5)
        yield Phase("Stopped")

    thread, names = RunThread(events), []
    thread.event_arrived.connect(lambda event: names.append(event.name))
    thread.start()
    thread.save_now.set()
    qtbot.waitUntil(lambda: "Saving" in names)
    with qtbot.waitSignal(thread.finished):
        thread.stop.set()
    qtbot.waitUntil(lambda: names == ["Training", "Saving", "Stopped"])


def test_the_real_loop_says_what_contradicts(qtbot: QtBot) -> None:
    run = Run().replace("train.epochs", 1.0).replace("train.steps", 5)
    thread = RunThread(train_events(run))
    with qtbot.waitSignal(thread.failed, timeout=20_000) as signal:
        thread.start()
    assert signal.args == ["Give either steps or epochs, not both."]
    thread.wait()


class Collector(QObject):
    """Takes events in on the thread that made it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Phase] = []
        self.threads: set[QThread] = set()

    def take(self, event: Phase) -> None:
        self.events.append(event)
        self.threads.add(QThread.currentThread())
