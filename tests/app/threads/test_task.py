"""Background work: results, errors and items arrive on the UI thread; what is dropped does not."""

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from app.threads import crash_report, task
from app.threads.task import Task
from core.errors import BadModel


@pytest.fixture
def owner() -> QObject:
    """Whoever wants the result."""
    return QObject()


def test_a_result_arrives_on_the_ui_thread(qtbot: QtBot, owner: QObject) -> None:
    got: list[tuple[int, QThread]] = []
    Task(owner, lambda: 6 * 7, done=lambda result: got.append((result, QThread.currentThread())))
    qtbot.waitUntil(lambda: bool(got))
    assert got == [(42, QThread.currentThread())]


def test_a_generators_items_arrive_in_order(qtbot: QtBot, owner: QObject) -> None:
    def work() -> Iterator[int]:
        yield from range(5)

    got: list[object] = []
    Task(owner, work, done=got.append, progress=got.append)
    qtbot.waitUntil(lambda: len(got) == 6)
    assert got == [0, 1, 2, 3, 4, None]


def test_a_users_mistake_goes_to_failed(qtbot: QtBot, owner: QObject) -> None:
    def work() -> None:
        raise BadModel("There is no such model.")

    got: list[str] = []
    Task(owner, work, done=lambda _: got.append("done"), failed=got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert got == ["There is no such model."]


def test_a_bug_is_reported(qtbot: QtBot, owner: QObject, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(crash_report, "report", reported.append)
    Task(owner, lambda: 1 / 0)
    qtbot.waitUntil(lambda: bool(reported))
    assert "ZeroDivisionError" in reported[0]


def test_a_dropped_task_calls_nobody(qtbot: QtBot, owner: QObject) -> None:
    go = threading.Event()
    got: list[object] = []
    dropped = Task(owner, go.wait, done=got.append)
    dropped.drop()
    go.set()
    dropped.wait()
    last: list[object] = []
    Task(owner, lambda: "later", done=last.append)
    qtbot.waitUntil(lambda: bool(last))
    assert got == []


def test_end_all_waits_for_every_thread(qtbot: QtBot, owner: QObject) -> None:
    tasks = [Task(owner, lambda: None) for _ in range(3)]
    task.end_all()
    assert all(t.isFinished() for t in tasks)


def test_an_owner_that_is_gone_is_not_called(qtbot: QtBot) -> None:
    go = threading.Event()
    owner = QObject()
    got: list[object] = []
    orphan = Task(owner, go.wait, done=got.append)
    owner.deleteLater()
    qtbot.waitSignal(owner.destroyed).wait()
    go.set()
    orphan.wait()
    qtbot.wait(20)
    assert got == []
