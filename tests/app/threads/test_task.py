"""Background work: results, errors and items arrive on the UI thread; those of a cancelled task do not."""

import errno
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
    """The object that wants the results."""
    return QObject()


def test_a_result_arrives_on_the_ui_thread(qtbot: QtBot, owner: QObject) -> None:
    results: list[tuple[int, QThread]] = []
    Task(owner, lambda: 6 * 7, done=lambda result: results.append((result, QThread.currentThread())))
    qtbot.waitUntil(lambda: bool(results))
    assert results == [(42, QThread.currentThread())]


def test_a_generators_items_arrive_in_order(qtbot: QtBot, owner: QObject) -> None:
    def work() -> Iterator[int]:
        yield from range(5)

    results: list[object] = []
    Task(owner, work, done=results.append, progress=results.append)
    qtbot.waitUntil(lambda: len(results) == 6)
    assert results == [0, 1, 2, 3, 4, None]


def test_a_users_mistake_goes_to_failed(qtbot: QtBot, owner: QObject) -> None:
    def work() -> None:
        raise BadModel("There is no such model.")

    results: list[str] = []
    Task(owner, work, done=lambda _: results.append("done"), failed=results.append)
    qtbot.waitUntil(lambda: bool(results))
    assert results == ["There is no such model."]


def test_what_the_system_refuses_goes_to_failed(qtbot: QtBot, owner: QObject) -> None:
    def work() -> None:
        raise PermissionError(errno.EACCES, "", "/no/folder/.x.partial")

    said: list[str] = []
    Task(owner, work, failed=said.append)
    qtbot.waitUntil(lambda: said == ["There is no permission to write to /no/folder."])


def test_a_bug_is_reported(qtbot: QtBot, owner: QObject, monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[str] = []
    monkeypatch.setattr(crash_report, "report", reports.append)
    Task(owner, lambda: 1 / 0)
    qtbot.waitUntil(lambda: bool(reports))
    assert "ZeroDivisionError" in reports[0]


def test_a_dropped_task_calls_nobody(qtbot: QtBot, owner: QObject) -> None:
    released = threading.Event()
    results: list[object] = []
    cancelled_task = Task(owner, released.wait, done=results.append)
    cancelled_task.cancel()
    released.set()
    cancelled_task.wait()
    later: list[object] = []
    Task(owner, lambda: "later", done=later.append)
    qtbot.waitUntil(lambda: bool(later))
    assert results == []


def test_end_all_waits_for_every_thread(qtbot: QtBot, owner: QObject) -> None:
    tasks = [Task(owner, lambda: None) for _ in range(3)]
    task.cancel_all()
    assert all(t.isFinished() for t in tasks)


def test_the_end_of_a_task_that_is_over_at_once_is_told(qtbot: QtBot, owner: QObject) -> None:
    ended: list[str] = []
    quick = Task(owner, lambda: None)
    assert quick.wait(5000)  # before anything is connected to it
    quick.ended.connect(lambda: ended.append("ended"))
    qtbot.waitUntil(lambda: ended == ["ended"])


def test_an_owner_that_is_gone_is_not_called(qtbot: QtBot) -> None:
    released = threading.Event()
    owner = QObject()
    results: list[object] = []
    orphan = Task(owner, released.wait, done=results.append)
    owner.deleteLater()
    qtbot.waitSignal(owner.destroyed).wait()
    released.set()
    orphan.wait()
    qtbot.wait(20)
    assert results == []
