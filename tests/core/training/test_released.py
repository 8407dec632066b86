"""What a run held in memory goes with the run, without Python's search for circles of objects, which comes late in a
window."""

import gc
from collections.abc import Iterator
from pathlib import Path

import mlx.core as mx
import pytest

from core.errors import Unavailable
from core.events import Step
from core.run import Run
from core.train import train
from core.training.optimizer_step import OptimizerStepper

SLACK = 16 << 10  # bytes: the state of random numbers and the like


@pytest.fixture(autouse=True)
def no_search_for_circles() -> Iterator[None]:
    gc.collect()
    mx.clear_cache()
    gc.disable()
    yield
    gc.enable()


def short_run(method: str, folder: Path) -> Run:
    run = Run(method=method).replace("output", str(folder)).replace("train.epochs", None)
    options = {"train.steps": 2, "train.samples": 1, "train.sample_tokens": 4, "data.eval_split": 0.02}
    if method == "grpo":
        options |= {"options.max_completion_length": 8, "train.batch_size": 1}
    if method == "distill":
        options["options.teacher"] = "starter"
    for key, value in options.items():
        run = run.replace(key, value)
    return run


@pytest.mark.parametrize("method", ["sft", "dpo", "grpo", "distill"])
def test_a_run_that_is_over_holds_nothing(method: str, tmp_path: Path) -> None:
    before = mx.get_active_memory()
    most = 0
    for event in train(short_run(method, tmp_path / "run")):
        if isinstance(event, Step):
            most = max(most, mx.get_active_memory() - before)
    assert most > 6 << 20  # the starter's weights at least
    assert mx.get_active_memory() - before < SLACK
    assert mx.get_cache_memory() == 0


def test_neither_does_one_that_failed_or_was_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = mx.get_active_memory()
    events = train(short_run("sft", tmp_path / "closed"))
    next(event for event in events if isinstance(event, Step))
    events.close()  # type: ignore[attr-defined]
    del events
    assert mx.get_active_memory() - before < SLACK

    def fail(self: OptimizerStepper) -> Step:
        raise Unavailable("The loss is no longer a number.")

    monkeypatch.setattr(OptimizerStepper, "step", fail)
    with pytest.raises(Unavailable):
        list(train(short_run("sft", tmp_path / "failed")))
    assert mx.get_active_memory() - before < SLACK
