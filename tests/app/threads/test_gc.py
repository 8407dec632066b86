"""Cyclic garbage: collected on the UI thread, never where a model trains."""

import gc
import threading
import weakref

from pytestqt.qtbot import QtBot

from app.threads.gc import collect_all, freeze_startup_objects


class Knot:
    """An object that only the collector can free."""

    def __init__(self, freed_on: list[int]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: freed_on.append(threading.get_ident()))


def test_what_a_thread_leaves_behind_is_freed_on_the_ui_thread(qtbot: QtBot) -> None:
    freed_on: list[int] = []

    def work() -> int:
        for _ in range(3000):  # several times what makes Python collect by itself
            Knot(freed_on)
        return threading.get_ident()

    threads: list[int] = []
    worker = threading.Thread(target=lambda: threads.append(work()))
    worker.start()
    worker.join()
    assert threads[0] != threading.get_ident()
    assert freed_on == []
    qtbot.waitUntil(lambda: len(freed_on) == 3000)
    assert set(freed_on) == {threading.get_ident()}


def test_many_objects_that_stay_are_not_kept_for_one_long_collection(qtbot: QtBot) -> None:
    gc.collect()
    kept = []
    for _ in range(6):
        kept.append([[] for _ in range(5000)])  # as a module that is imported
        qtbot.waitUntil(lambda: gc.get_count()[0] < 1000)
    assert len(gc.get_objects(1)) < 20_000


def test_everything_is_freed_after_a_run() -> None:
    freed_on: list[int] = []
    knot = Knot(freed_on)
    gc.collect()  # from now on the knot is old, and the collections in between leave it out
    del knot
    gc.collect(1)
    assert freed_on == []
    collect_all()
    assert len(freed_on) == 1


def test_what_was_there_at_the_start_is_not_looked_through_again() -> None:
    freed_on: list[int] = []
    gc.unfreeze()
    gc.collect()
    freeze_startup_objects()
    try:
        assert len(gc.get_objects()) < gc.get_freeze_count()
        frozen = gc.get_freeze_count()
        Knot(freed_on)
        freeze_startup_objects()  # only the first call counts: later objects can still be freed
        collect_all()
        assert len(freed_on) == 1
        assert gc.get_freeze_count() <= frozen
    finally:  # as before the test: what the tests have imported is frozen
        gc.unfreeze()
        gc.collect()
        gc.freeze()
