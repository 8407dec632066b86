"""Background work: results, errors and items arrive on the UI thread; what is dropped does not."""

import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from app import task, trouble
from app.task import Task
from core.errors import BadModel


def test_a_result_arrives_on_the_ui_thread(qtbot: QtBot) -> None:
    got: list[tuple[int, QThread]] = []
    Task(lambda: 6 * 7, done=lambda result: got.append((result, QThread.currentThread())))
    qtbot.waitUntil(lambda: bool(got))
    assert got == [(42, QThread.currentThread())]


def test_a_generators_items_arrive_in_order(qtbot: QtBot) -> None:
    def work() -> Iterator[int]:
        yield from range(5)

    got: list[object] = []
    Task(work, done=got.append, progress=got.append)
    qtbot.waitUntil(lambda: len(got) == 6)
    assert got == [0, 1, 2, 3, 4, None]


def test_a_users_mistake_goes_to_failed(qtbot: QtBot) -> None:
    def work() -> None:
        raise BadModel("There is no such model.")

    got: list[str] = []
    Task(work, done=lambda _: got.append("done"), failed=got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert got == ["There is no such model."]


def test_a_bug_is_reported(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(trouble, "report", reported.append)
    Task(lambda: 1 / 0)
    qtbot.waitUntil(lambda: bool(reported))
    assert "ZeroDivisionError" in reported[0]


def test_a_dropped_task_calls_nobody(qtbot: QtBot) -> None:
    go = threading.Event()
    got: list[object] = []
    dropped = Task(go.wait, done=got.append)
    dropped.drop()
    go.set()
    dropped.wait()
    last: list[object] = []
    Task(lambda: "later", done=last.append)
    qtbot.waitUntil(lambda: bool(last))
    assert got == []


def test_end_all_waits_for_every_thread(qtbot: QtBot) -> None:
    tasks = [Task(lambda: None) for _ in range(3)]
    task.end_all()
    assert all(t.isFinished() for t in tasks)
