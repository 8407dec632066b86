"""What is kept of a size that held, what ends a run, and what other failures of a GPU do to it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.errors import Unavailable
from core.events import Event, Finished, Saved, Step, Warned
from core.memory import plan
from core.model.generate import Answer
from core.run import Run
from core.train import resume, train
from core.training import optimizer_step, recovery, sample_answers, step_sizes
from core.training.compiled_step import CompiledStep
from core.training.step_sizes import StepSize
from tests.core.conftest import only
from tests.core.training import watchdog
from tests.core.training.watchdog import Watchdog

MakeRun = Callable[..., Run]
SMALL: dict[str, Any] = {"backend": "cpu", "train": {"steps": 3}, "data": {"packing": False}}


@pytest.fixture(autouse=True)
def whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CPU_TOKENS", 100_000)


def codes(events: list[Event]) -> list[str]:
    return [event.code for event in only(Warned, events)]


def test_the_next_run_of_the_model_begins_with_the_size_that_held(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dog = Watchdog(monkeypatch, 300)
    list(train(make_run("first", **SMALL)))
    failures = dog.failures
    assert failures
    (sizes,) = json.loads(step_sizes.sizes_file().read_text(encoding="utf-8")).values()
    assert [size["tokens"] <= 300 // 2 for size in sizes.values()] == [True]
    events = list(train(make_run("second", **SMALL)))
    assert dog.failures == failures and "remembered-size" in codes(events)
    monkeypatch.setattr(step_sizes, "_machine", lambda: "another")
    assert step_sizes.recall(make_run("third", **SMALL)) == StepSize()


def test_a_damaged_file_of_sizes_is_no_hindrance(make_run: MakeRun) -> None:
    run = make_run(**SMALL)
    for text in ("", "[]", "{", json.dumps({step_sizes._machine(): [1]})):
        step_sizes.sizes_file().parent.mkdir(parents=True, exist_ok=True)
        step_sizes.sizes_file().write_text(text)
        assert step_sizes.recall(run) == StepSize()
        step_sizes.remember(run, StepSize(tokens=64))
        assert step_sizes.recall(run) == StepSize(tokens=64)


def test_held_out_rows_are_measured_in_parts_too(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("whole", **SMALL)
    (expected,) = only(Finished, list(train(run)))
    dog = Watchdog(monkeypatch, 300)
    dog.counts_evaluations = True
    (finished,) = only(Finished, list(train(make_run("parted", **SMALL))))
    assert dog.failures
    assert finished.loss_before == pytest.approx(expected.loss_before, rel=1e-5)
    assert finished.loss_after == pytest.approx(expected.loss_after, rel=1e-4)


def test_what_cannot_be_parted_ends_the_run_with_a_sentence_and_a_checkpoint(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dog = Watchdog(monkeypatch, 10_000)
    events: list[Event] = []
    with pytest.raises(Unavailable, match="a step cannot be parted further"):
        for event in train(make_run("ended", **SMALL)):
            events.append(event)
            dog.limit = 10 if isinstance(event, Step) and event.step == 2 else dog.limit
    assert [(e.step, e.what) for e in only(Saved, events)] == [(2, "checkpoint")]
    assert codes(events).count("gpu-step") >= 2
    dog.limit = 10_000
    resumed = list(resume(str(make_run("ended", **SMALL).output)))
    assert [step.step for step in only(Step, resumed)] == [3]


def test_a_sample_answer_that_fails_leaves_a_checkpoint(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    Watchdog(monkeypatch, 10_000)
    run = make_run(backend="cpu", train={"steps": 3, "samples": 1, "sample_every": 2, "eval_every": 3})
    events: list[Event] = []

    def fail(*_: object) -> Answer:
        if only(Step, events):
            raise RuntimeError(watchdog.TIMEOUT)
        return Answer("an answer", False)

    monkeypatch.setattr(sample_answers, "answer_tokens", fail)
    with pytest.raises(Unavailable, match="kept the GPU for too long"):
        for event in train(run):
            events.append(event)
    assert [(e.step, e.what) for e in only(Saved, events)] == [(2, "checkpoint")]


def test_a_process_that_may_use_the_gpu_no_more_ends_at_once(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    Watchdog(monkeypatch, 300, watchdog.IGNORED)
    with pytest.raises(Unavailable, match="no more time on the GPU"):
        list(train(make_run(**SMALL)))


def test_a_step_that_suffered_for_another_program_is_done_again_as_it_was(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    dog = Watchdog(monkeypatch, 300, watchdog.VICTIM)
    dog.max_failures = 2
    events = list(train(make_run(**SMALL)))
    assert codes(events).count("gpu-retry") == 2 and "gpu-step" not in codes(events)
    assert not step_sizes.sizes_file().exists()


def test_too_many_allocations_bound_what_is_kept(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[int] = []
    monkeypatch.setattr(CompiledStep, "forget", lambda self, count: forgotten.append(count))
    limits: list[int] = []
    monkeypatch.setattr(mx, "set_cache_limit", lambda limit: limits.append(limit) or 0)
    cleared: list[bool] = []
    clear_cache = mx.clear_cache
    monkeypatch.setattr(mx, "clear_cache", lambda: (cleared.append(True), clear_cache()))
    dog = Watchdog(monkeypatch, 300, watchdog.RESOURCE_LIMIT)
    dog.max_failures = 1
    events = list(train(make_run(**SMALL)))
    assert codes(events).count("gpu-buffers") == 1 and "gpu-step" not in codes(events) and len(only(Step, events)) == 3
    assert forgotten == [recovery.MAX_COMPILED_SHAPES, 0] and limits[-1] == recovery.BOUNDED_CACHE_BYTES and cleared
    dog.max_failures = 2  # once more: now it is the size
    events = list(train(make_run("again", **SMALL)))
    assert "gpu-buffers" in codes(events)


def test_an_error_that_is_none_of_the_gpus_stays_one(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    Watchdog(monkeypatch, 300, "[matmul] shapes do not match")
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(train(make_run(**SMALL)))


def test_a_failed_update_ends_the_run_with_the_checkpoint_before_it(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights in memory may be half updated then: they are not saved."""
    watchdog.let_recover(monkeypatch)
    whole = list(train(make_run("whole", backend="cpu", train={"steps": 4, "save_every": 2})))
    finish, calls = optimizer_step.finish_work, list[int]()

    def fail_in_the_third_update(*trees: Any) -> None:
        calls.append(len(calls))
        if len(calls) == 6:  # each step waits for its gradient, then for its update
            raise RuntimeError(watchdog.OUT_OF_MEMORY)
        finish(*trees)

    monkeypatch.setattr(optimizer_step, "finish_work", fail_in_the_third_update)
    run = make_run("broken", backend="cpu", train={"steps": 4, "save_every": 2})
    events: list[Event] = []
    with pytest.raises(Unavailable, match=r"The optimizer's update failed: .* The last checkpoint is kept\."):
        events.extend(train(run))
    folder = str(run.output)
    assert sorted(path.name for path in (Path(folder) / "checkpoints").iterdir()) == ["step-0000002"]
    rest = list(resume(folder))
    assert [e.step for e in only(Step, rest)] == [3, 4]
    assert [e.loss for e in only(Step, rest)] == [e.loss for e in only(Step, whole)][2:]
