"""Cyclic garbage: collected on the UI thread, never where a model trains."""

import gc
import threading
import weakref

from pytestqt.qtbot import QtBot

from app.threads.gc import collect_all, settle


class Knot:
    """An object that only the collector can free."""

    def __init__(self, seen: list[int]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: seen.append(threading.get_ident()))


def test_what_a_thread_leaves_behind_is_freed_on_the_ui_thread(qtbot: QtBot) -> None:
    seen: list[int] = []

    def work() -> int:
        for _ in range(3000):  # several times what makes Python collect by itself
            Knot(seen)
        return threading.get_ident()

    threads: list[int] = []
    worker = threading.Thread(target=lambda: threads.append(work()))
    worker.start()
    worker.join()
    assert threads[0] != threading.get_ident()
    assert seen == []
    qtbot.waitUntil(lambda: len(seen) == 3000)
    assert set(seen) == {threading.get_ident()}


def test_everything_is_freed_after_a_run() -> None:
    seen: list[int] = []
    old = Knot(seen)
    gc.collect()  # from now on it is old, and not looked at in between
    del old
    gc.collect(1)
    assert seen == []
    collect_all()
    assert len(seen) == 1


def test_what_was_there_at_the_start_is_not_looked_through_again() -> None:
    seen: list[int] = []
    gc.unfreeze()
    gc.collect()
    settle()
    try:
        assert len(gc.get_objects()) < gc.get_freeze_count()
        kept = gc.get_freeze_count()
        Knot(seen)
        settle()  # once only: what came since can still be freed
        collect_all()
        assert len(seen) == 1
        assert gc.get_freeze_count() <= kept
    finally:
        gc.unfreeze()
