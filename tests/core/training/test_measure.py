"""A dry run: what it measures is what a run does, nothing of it is left, and it can be stopped."""

import gc
import threading
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.errors import BadData, Unavailable
from core.events import Phase, Started, Step
from core.run import Run
from core.train import train
from core.training.measure import Measured, measure
from tests.core.conftest import only

MakeRun = Callable[..., Run]


def finish(events: Generator[Any, None, Measured]) -> tuple[Measured, list[Any]]:
    seen = []
    while True:
        try:
            seen.append(next(events))
        except StopIteration as end:
            return end.value, seen


def test_it_measures_the_run_that_would_be_started(make_run: MakeRun) -> None:
    run = make_run()
    measured, events = finish(measure(run))
    assert [e for e in events if isinstance(e, Phase)][-1].name == "Measuring a step"
    assert not Path(str(run.output)).exists()
    started = only(Started, list(train(run)))[0]
    assert (measured.steps, measured.rows) == (started.total_steps, started.rows)
    assert measured.eval_rows == started.eval_rows
    assert 0 < measured.step_seconds * measured.steps < measured.seconds
    assert measured.peak_memory_bytes > 0


def test_the_run_after_it_is_the_same(make_run: MakeRun) -> None:
    alone = only(Step, list(train(make_run(output="alone"))))
    finish(measure(make_run(output="other")))
    after = only(Step, list(train(make_run(output="after"))))
    assert [e.loss for e in after] == [e.loss for e in alone]


def test_nothing_of_it_stays_in_memory(make_run: MakeRun) -> None:
    mx.clear_cache()
    gc.collect()
    before = mx.get_active_memory()
    finish(measure(make_run()))
    assert mx.get_active_memory() <= before + (64 << 10)
    assert mx.get_cache_memory() == 0


def test_it_is_stopped_and_fails_with_a_sentence(make_run: MakeRun, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Unavailable):
        finish(measure(make_run(), stop))
    with pytest.raises(BadData, match="gone"):
        finish(measure(make_run(data={"path": str(tmp_path / "gone.jsonl")})))


@pytest.mark.parametrize(
    ("measured", "sentence"),
    [
        (
            Measured(120, 0.42, 55.0, 1_360_000_000, 90, 10, 5),
            "A step took 0.42 s and 1.36 GB of memory: 120 steps take about 55 s, until 14:00 if started now.",
        ),
        (
            Measured(9000, 4.0, 36_900.0, 34_200_000, 90, 10, 5),
            "A step took 4 s and 34 MB of memory: 9,000 steps take about 10 h 15 min, until tomorrow 00:14 if "
            "started now.",
        ),
    ],
)
def test_the_figures_for_people(measured: Measured, sentence: str) -> None:
    assert measured.sentence(datetime(2026, 5, 3, 13, 59, 30).timestamp()) == sentence
