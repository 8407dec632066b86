"""The queue of runs: it goes on behind a run that failed, tells of it, and can be put in another order."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.runs.job_queue import JobQueue
from app.runs.live_run import LiveRun
from core.errors import BadData
from core.events import Event, Finished, Phase
from core.run import Run


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[JobQueue]:
    queue = JobQueue()
    yield queue
    queue.shut_down()


def make_live(name: str, order: list[str], sentence: str = "", waits: bool = False) -> LiveRun:
    """A run that notes its name in `order` and then ends; with a sentence it fails, and with `waits` it is stopped."""

    def play(stop, save_now) -> Iterator[Event]:
        order.append(name)
        yield Phase("Loading model")
        if waits:
            stop.wait(20)
        if sentence:
            raise BadData(sentence)
        yield Finished("done", 1, "Better.", 1.0)

    return LiveRun(Run().replace("output", str(Path("/nowhere") / name)), play)


def test_the_queue_goes_on_behind_a_run_that_failed(qtbot: QtBot, jobs: JobQueue) -> None:
    order: list[str] = []
    failed: list[LiveRun] = []
    jobs.run_failed.connect(failed.append)
    runs = [make_live("a", order), make_live("b", order, "No row can be used."), make_live("c", order)]
    for live in runs:
        jobs.start(live)
    assert jobs.waiting_runs == (runs[1], runs[2])
    qtbot.waitUntil(lambda: jobs.current is None)
    assert order == ["a", "b", "c"]
    assert failed == [runs[1]]
    assert (runs[1].record.problem, runs[2].record.problem) == ("No row can be used.", "")


def test_runs_that_wait_change_places_or_leave(qtbot: QtBot, jobs: JobQueue) -> None:
    order: list[str] = []
    runs = [make_live("a", order, waits=True), *(make_live(name, order) for name in "bcd")]
    for live in runs:
        jobs.start(live)
    with qtbot.waitSignal(jobs.queue_changed):
        jobs.move(runs[3], -1)
    jobs.move(runs[1], -1)  # it is the first already
    assert jobs.waiting_runs == (runs[1], runs[3], runs[2])
    jobs.move(runs[1], 2)
    jobs.cancel(runs[3])
    assert jobs.waiting_runs == (runs[2], runs[1])
    runs[0].stop()
    qtbot.waitUntil(lambda: jobs.current is None)
    assert order == ["a", "c", "b"]
    assert "queue" in runs[3].record.problem
