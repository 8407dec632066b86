"""At most so often, and the last call is never lost."""

from pytestqt.qtbot import QtBot

from app.threads.throttle import Throttle


def test_the_first_call_is_made_at_once_and_of_the_others_the_last(qtbot: QtBot) -> None:
    calls: list[int] = []
    throttled = Throttle(calls.append, 50)
    for n in range(100):
        throttled(n)
    assert calls == [0]
    qtbot.waitUntil(lambda: len(calls) == 2)
    assert calls == [0, 99]
    qtbot.wait(120)
    assert calls == [0, 99]


def test_the_first_call_can_wait_too(qtbot: QtBot) -> None:
    calls: list[int] = []
    throttled = Throttle(calls.append, 50, at_once=False)
    throttled(0)
    throttled(1)
    assert calls == []
    qtbot.waitUntil(lambda: calls == [1])


def test_settling_waits_until_the_calls_stop(qtbot: QtBot) -> None:
    calls: list[int] = []
    debounced = Throttle(calls.append, 300, debounce=True)
    for n in range(5):
        debounced(n)
        qtbot.wait(10)
    assert calls == []
    qtbot.waitUntil(lambda: calls == [4])


def test_flush_makes_the_waiting_call_now(qtbot: QtBot) -> None:
    calls: list[int] = []
    debounced = Throttle(calls.append, 10_000, debounce=True)
    debounced(1)
    debounced.flush()
    debounced.flush()
    assert calls == [1]
