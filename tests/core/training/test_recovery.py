"""A step that the GPU does not manage is computed again in smaller pieces, and the run is the unbroken one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.cli.progress import lines
from core.events import Event, Step, Warned
from core.memory import plan
from core.run import Run
from core.train import train
from tests.core.conftest import only
from tests.core.training import watchdog
from tests.core.training.watchdog import Watchdog

MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CPU_TOKENS", 100_000)


def warnings(events: list[Event], code: str) -> list[str]:
    return [event.message for event in only(Warned, events) if event.code == code]


def weights(run: Run) -> dict[str, mx.array]:
    loaded = mx.load(str(Path(str(run.output)) / "adapters.safetensors"))
    assert isinstance(loaded, dict)
    return loaded


def assert_same_run(a: Run, b: Run, events: list[Event], expected: list[Event]) -> None:
    """Two runs have the same steps and the same weights, up to rounding."""
    steps, expected_steps = only(Step, events), only(Step, expected)
    assert len(steps) == len(expected_steps) > 0
    for step, other in zip(steps, expected_steps, strict=True):
        assert step.loss == pytest.approx(other.loss, rel=1e-4, abs=1e-6)
        assert step.grad_norm == pytest.approx(other.grad_norm, rel=1e-3)
        assert (step.tokens, step.trained_tokens) == (other.tokens, other.trained_tokens)
        metrics = {name: value for name, value in step.metrics.items() if "seconds" not in name}
        expected_metrics = {name: value for name, value in other.metrics.items() if "seconds" not in name}
        assert metrics == pytest.approx(expected_metrics, rel=1e-3, abs=1e-4)
    tensors, expected_tensors = weights(a), weights(b)
    assert tensors.keys() == expected_tensors.keys()
    assert all(mx.allclose(tensors[name], expected_tensors[name], rtol=1e-3, atol=2e-4) for name in tensors)


def write_pairs(path: Path) -> dict[str, Any]:
    rows = [
        {"prompt": f"What is {n}?", "chosen": "Yes. " * (1 + n % 5), "rejected": "No! " * (1 + n % 3)}
        for n in range(12)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"path": str(path)}


@pytest.mark.parametrize(
    ("packing", "text"), [(True, watchdog.TIMEOUT), (False, watchdog.INTERACTIVITY), (True, watchdog.OUT_OF_MEMORY)]
)
def test_sft_goes_on_with_fewer_rows(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, packing: bool, text: str
) -> None:
    options: dict[str, Any] = {
        "backend": "cpu",
        "data": {"packing": packing},
        "train": {"steps": 2, "gradient_accumulation_steps": 2},
    }
    whole = make_run("whole", **options)
    expected = list(train(whole))
    dog = Watchdog(monkeypatch, 200, text)
    run = make_run("parted", **options)
    events = list(train(run))
    assert dog.failures and 0 < dog.largest <= 200
    assert_same_run(run, whole, events, expected)
    (note, *_) = warnings(events, "gpu-step")
    assert note.startswith("A step was computed again in parts of at most ")
    for name in ("events.jsonl", "report.md"):
        assert note in (Path(str(run.output)) / name).read_text(encoding="utf-8")
    assert f"Note: {note}" in [line for event in events for line in lines(event)]


def test_a_row_that_is_too_much_goes_block_by_block(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"backend": "cpu", "train": {"steps": 2, "batch_size": 2}, "data": {"packing": False}}
    whole = make_run("whole", **options)
    expected = list(train(whole))
    dog = Watchdog(monkeypatch, 130)  # two blocks of a row are more, one is not
    run = make_run("by-block", **options)
    events = list(train(run))
    assert dog.largest <= 130
    assert_same_run(run, whole, events, expected)
    assert "block by block" in warnings(events, "gpu-step")[-1]


def test_preferences_go_on_with_fewer_rows(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "backend": "cpu",
        "method": "dpo",
        "data": write_pairs(tmp_path / "pairs.jsonl"),
        "options": {"sft_weight": 0.7},
        "train": {"steps": 3, "batch_size": 5},
    }
    whole = make_run("whole", **options)
    expected = list(train(whole))
    dog = Watchdog(monkeypatch, 250)
    run = make_run("parted", **options)
    events = list(train(run))
    assert dog.failures and dog.largest <= 250
    assert_same_run(run, whole, events, expected)
