"""A run that pauses lets go of its memory, goes on as if it had not paused, and tells what was changed meanwhile."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from app.desktop import language
from core.adapters import WEIGHTS
from core.errors import BadOption
from core.events import Evaluated, Event, Finished, Paused, Resumed, Saved, Started, Step, Warned
from core.run import Run
from core.run.changes import describe_changes
from core.run.folder import REPORT, RUN, RunFolder
from core.stop_request import StopRequest
from core.text.sentence import from_plain, to_plain
from core.train import resume, train
from core.training import checkpoint
from tests.core.conftest import only
from tests.core.training.test_trainer import adapter, losses, same_tensors

MakeRun = Callable[..., Run]
OPTIONS = {"steps": 8, "eval_every": 4, "save_every": 100}


def paused(make_run: MakeRun, at: int, **train_options: Any) -> tuple[Path, list[Event]]:
    """The folder and the events of a run of 8 steps that pauses behind one of them."""
    run, stop = make_run(output="paused", train=OPTIONS | train_options), StopRequest()
    events = []
    for event in train(run, stop):
        events.append(event)
        if isinstance(event, Step) and event.step == at:
            stop.pause()
    return Path(str(run.output)), events


@pytest.mark.parametrize("at", [3, 4])
def test_a_run_that_paused_equals_the_unbroken_one(make_run: MakeRun, at: int) -> None:
    whole = make_run(output="whole", train=OPTIONS)
    unbroken = list(train(whole))
    folder, events = paused(make_run, at)
    assert isinstance(events[-1], Paused) and events[-1].step == at
    assert not only(Finished, events) and not (folder / REPORT).exists()
    assert list(RunFolder(folder).events())[-1] == events[-1]
    assert [path.name for path in checkpoint.list_checkpoints(folder / "checkpoints")] == [f"step-000000{at}"]
    later = list(resume(folder))
    assert only(Started, later)[0].first_step == at + 1
    assert only(Resumed, later)[0].step == at and only(Resumed, later)[0].changes == {}
    logged = list(RunFolder(folder).events())
    # A GPU adds up in another order from time to time.
    precision = 1e-6 if mx.cuda.is_available() else 0
    assert np.allclose(losses(logged), losses(unbroken), rtol=precision, atol=0) and len(losses(logged)) == 8
    assert [(e.step, e.loss) for e in only(Evaluated, logged)] == [(e.step, e.loss) for e in only(Evaluated, unbroken)]
    assert same_tensors(adapter(folder), adapter(str(whole.output)))
    assert [type(e) for e in logged if isinstance(e, Paused | Resumed | Finished)] == [Paused, Resumed, Finished]


def test_while_it_pauses_nothing_of_it_is_in_memory(make_run: MakeRun) -> None:
    gc.collect()
    mx.clear_cache()
    before = mx.get_active_memory()
    _, events = paused(make_run, 3)
    assert isinstance(events[-1], Paused)
    assert mx.get_active_memory() - before < 16 << 10 and mx.get_cache_memory() == 0


def test_what_is_changed_at_a_pause_is_used_and_recorded(make_run: MakeRun) -> None:
    folder, _ = paused(make_run, 3, learning_rate=1e-3, lr_schedule="constant", steps=None, epochs=1.0)
    (saved,) = only(Saved, RunFolder(folder).events())
    before = Run.read(folder / RUN)
    with pytest.raises(BadOption, match="learning_rate"):
        list(resume(folder, changes={"train.learning_rate": -1.0}))
    assert Run.read(folder / RUN) == before
    total = RunFolder(folder).read_resolved()["train"]["steps"]
    changes = {"train.learning_rate": 5e-4, "train.steps": total + 2}
    events = list(resume(folder, changes=changes))
    (resumed,) = only(Resumed, events)
    assert resumed.changes == {"train.learning_rate": [1e-3, 5e-4], "train.steps": [total, total + 2]}
    assert [e.learning_rate for e in only(Step, events)] == [5e-4] * (total + 2 - saved.step)
    written = Run.read(folder / RUN).train
    assert (written.learning_rate, written.steps, written.epochs) == (5e-4, total + 2, None)
    sentence = f"From step 4 on: learning rate 0.0005 (0.001 before), steps {total + 2} ({total} before)."
    assert f"- {sentence}" in (folder / REPORT).read_text(encoding="utf-8")


def test_a_change_outlives_a_crash_before_the_next_checkpoint(make_run: MakeRun) -> None:
    folder, _ = paused(make_run, 3)
    events = resume(folder, changes={"train.learning_rate": 5e-4})
    next(e for e in events if isinstance(e, Step))
    events.close()  # type: ignore[attr-defined]
    list(resume(folder))
    resumed = only(Resumed, RunFolder(folder).events())
    assert [bool(e.changes) for e in resumed] == [True, False]
    assert "learning rate 0.0005" in (folder / REPORT).read_text(encoding="utf-8")


def test_the_last_wish_counts(make_run: MakeRun) -> None:
    stop = StopRequest()
    stop.pause()
    assert stop.is_set() and stop.pauses
    stop.skip()
    assert stop.is_set() and stop.skips and not stop.pauses


def test_a_pause_while_it_validates_before_the_first_step(make_run: MakeRun) -> None:
    run, stop = make_run(output="early", train=OPTIONS), StopRequest()
    events = []
    for event in train(run, stop):
        events.append(event)
        if isinstance(event, Started):
            stop.pause()
    assert isinstance(events[-1], Paused) and events[-1].step == 0
    later = list(resume(str(run.output)))
    assert only(Evaluated, later)[0].step == 0 and len(losses(later)) == 8
    assert (Path(str(run.output)) / WEIGHTS).exists() and not only(Warned, later)


def test_changes_in_words() -> None:
    assert describe_changes({"train.learning_rate": [2e-4, 1e-4]}) == "learning rate 0.0001 (0.0002 before)"
    assert describe_changes({"train.steps": [None, 160], "unknown.key": 3}) == "steps 160, unknown.key 3"
    language.use("de")
    try:
        changes = describe_changes({"train.learning_rate": [2e-4, 1e-4], "train.max_grad_norm": [1.0, 1.5]})
        assert language.tr(changes) == "Lernrate 0,0001 (vorher 0,0002), Größte Gradientennorm 1,5 (vorher 1)"
        assert language.tr(from_plain(to_plain(changes))) == language.tr(changes)
    finally:
        language.use("en")
