"""What a run held in memory goes with the run, without Python's search for circles of objects, which comes late in a
window."""

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.errors import Unavailable
from core.events import Step
from core.run import Run
from core.train import train
from core.training.optimizer_step import OptimizerStepper
from tests.core.conftest import write_model

SLACK = 16 << 10  # bytes: the state of random numbers and the like
LARGE = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "head_dim": 32}
SIZE = 4 << 20  # bytes: its weights at least
ROWS: dict[str, dict[str, Any]] = {
    "messages": {"prompt": "What is {n}?", "completion": "It is {n}."},
    "pairs": {"prompt": "What is {n}?", "chosen": "It is {n}.", "rejected": "No {n} idea."},
    "questions": {"question": "What is {n}?", "answer": "{n}"},
}
KINDS = {"dpo": "pairs", "grpo": "questions"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Far larger than the slack."""
    return str(write_model(tmp_path_factory.mktemp("released") / "model", **LARGE))


@pytest.fixture(autouse=True)
def no_search_for_circles() -> Iterator[None]:
    gc.collect()
    mx.clear_cache()
    gc.disable()
    yield
    gc.enable()


def short_run(method: str, model: str, folder: Path) -> Run:
    row = ROWS[KINDS.get(method, "messages")]
    data = folder.with_suffix(".jsonl")
    data.write_text("".join(json.dumps({k: v.format(n=n) for k, v in row.items()}) + "\n" for n in range(16)))
    run = Run(method=method).replace("output", str(folder)).replace("train.epochs", None)
    run = run.replace("model.path", model).replace("data.path", str(data))
    options = {"train.steps": 2, "train.samples": 1, "train.sample_tokens": 4, "data.eval_split": 0.2}
    if method == "grpo":
        options |= {"options.max_completion_length": 8, "train.batch_size": 1}
    if method == "distill":
        options["options.teacher"] = model
    for key, value in options.items():
        run = run.replace(key, value)
    return run


@pytest.mark.parametrize("method", ["sft", "dpo", "grpo", "distill"])
def test_a_run_that_is_over_holds_nothing(method: str, model: str, tmp_path: Path) -> None:
    before = mx.get_active_memory()
    most = 0
    for event in train(short_run(method, model, tmp_path / "run")):
        if isinstance(event, Step):
            most = max(most, mx.get_active_memory() - before)
    assert most > SIZE
    assert mx.get_active_memory() - before < SLACK
    assert mx.get_cache_memory() == 0


def test_neither_does_one_that_failed_or_was_closed(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mx.get_active_memory()
    events = train(short_run("sft", model, tmp_path / "closed"))
    next(event for event in events if isinstance(event, Step))
    events.close()  # type: ignore[attr-defined]
    del events
    assert mx.get_active_memory() - before < SLACK

    def fail(self: OptimizerStepper) -> Step:
        raise Unavailable("The loss is no longer a number.")

    monkeypatch.setattr(OptimizerStepper, "step", fail)
    with pytest.raises(Unavailable):
        list(train(short_run("sft", model, tmp_path / "failed")))
    assert mx.get_active_memory() - before < SLACK
