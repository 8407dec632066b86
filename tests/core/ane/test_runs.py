"""Whole runs on a made-up Mac, where an evaluator in NumPy stands for Core ML."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core import adapters
from core.ane import watch
from core.ane.runner import RunnerError
from core.ane.verdict import refused
from core.device.neural_engine import Host
from core.events import Finished, Warned
from core.run import Run
from core.train import train
from tests.core.ane.conftest import SLOW
from tests.core.ane.evaluator import Evaluator
from tests.core.conftest import only


def do(run: Run) -> tuple[list[Any], dict[str, Any], dict[str, mx.array]]:
    """(events, resolved.json, the adapter's tensors) of a run."""
    events = list(train(run))
    folder = Path(str(run.output))
    return events, json.loads((folder / "resolved.json").read_text()), mx.load(str(folder / adapters.WEIGHTS))


def warnings(events: list[Any]) -> list[str]:
    return [e.message for e in only(Warned, events) if e.code in ("neural-engine", "neural-engine-off")]


def pairs(folder: Path) -> str:
    rows = [{"prompt": f"What is {n}?", "chosen": f"It is {n}.", "rejected": "No. " * (n % 3 + 1)} for n in range(16)]
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_whole_run_ends_where_it_ends_without(
    method: str, make_run: Callable[..., Run], use_machine: Callable[..., None], tmp_path: Path
) -> None:
    sections = {"data": {"path": pairs(tmp_path), "max_seq_len": 128}} if method == "dpo" else {}
    events, resolved, weights = do(make_run("without", method=method, **sections))
    assert resolved["backend"]["neural_engine"]["code"] == "os"
    use_machine()
    got_events, got, got_weights = do(make_run("with", method=method, **sections))
    engine = got["backend"]["neural_engine"]
    assert engine["used"] and engine["code"] == "" and not warnings(got_events)
    assert engine["line"].startswith("Forward pass: Core ML, planned 97% on the Neural Engine; gradients, head")
    assert engine["facts"]["calls"] >= 9 and not engine["facts"]["fallbacks"]
    assert got["data"]["packing"]["used"] is False and got["compiled"]["used"] is False
    assert got["fused"] == {"used": False, "reason": "it gains nothing on a processor"}
    assert {name: value.shape for name, value in got_weights.items()} == {n: v.shape for n, v in weights.items()}
    (end,), (got_end,) = only(Finished, events), only(Finished, got_events)
    assert got_end.loss_before == pytest.approx(end.loss_before, rel=2e-3)
    assert got_end.loss_after == pytest.approx(end.loss_after, rel=2e-2)
    report = (tmp_path / "with" / "report.md").read_text()
    assert (
        "| Neural Engine | Forward pass: Core ML" in report and "Experimental, not yet verified on hardware." in report
    )


class Failing:
    """The evaluator, until its computations are used up."""

    def __init__(self, folder: Path, good: int = 20, scale: float = 0.0) -> None:
        self.runner, self.left, self.scale = Evaluator(folder), good, scale

    def run(self, feed: Any) -> Any:
        self.left -= 1
        if self.left >= 0:
            return self.runner.run(feed)
        if not self.scale:
            raise RunnerError("Core ML could not compute (made up)")
        return {name: value * self.scale for name, value in self.runner.run(feed).items()}


def test_a_failure_on_the_way_costs_a_run_nothing_but_the_reason(
    make_run: Callable[..., Run], use_machine: Callable[..., None]
) -> None:
    events, _, _ = do(make_run("without"))
    use_machine(Failing)
    got_events, resolved, _ = do(make_run("with", backend="ane"))
    (end,), (got_end,) = only(Finished, events), only(Finished, got_events)
    assert got_end.step == 6 and got_end.loss_after == pytest.approx(end.loss_after, rel=2e-2)
    (sentence,) = warnings(got_events)
    assert "switched off at step" in sentence and "Core ML could not compute (made up)" in sentence
    engine = resolved["backend"]["neural_engine"]
    assert (engine["used"], engine["code"], engine["stage"]) == (False, "runtime", "run")
    assert engine["facts"]["fallbacks"]["failed"] == 1 and engine["facts"]["planned_share"] == 0.97


def test_results_that_go_wrong_on_the_way_are_noticed(
    make_run: Callable[..., Run], use_machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "COMPARE_EVERY", 2)
    use_machine(lambda folder: Failing(folder, scale=1.1))
    events, resolved, _ = do(make_run(backend="ane"))
    assert any("its results differ from MLX's by" in sentence for sentence in warnings(events))
    assert resolved["backend"]["neural_engine"]["code"] == "runtime"


def test_programs_that_are_wrong_from_the_start_are_not_used(
    make_run: Callable[..., Run], use_machine: Callable[..., None]
) -> None:
    use_machine(lambda folder: Failing(folder, good=0, scale=float("nan")))
    events, resolved, _ = do(make_run(backend="ane"))
    assert resolved["backend"]["neural_engine"]["line"] == (
        "Neural Engine: not used. It failed before the first step: the program gave values that are not finite."
    )
    assert len(warnings(events)) == 1


@pytest.mark.parametrize(
    ("sections", "machine", "code", "told"),
    [
        ({}, {"objection": refused("crash", "Made up.")}, "crash", False),
        ({"backend": "ane"}, {"objection": refused("timeout", "Made up.")}, "timeout", True),
        ({}, {"seconds": SLOW}, "slower", False),
        ({"neural_engine": "gpu-free"}, {"seconds": SLOW}, "slower", False),
        ({"adapter": {"type": "dora"}, "backend": "ane"}, {}, "adapter", True),
        ({"backend": "ane"}, {"host": Host("darwin", "arm64", "14.0", True)}, "os", True),
    ],
)
def test_what_is_not_used_says_why(
    sections: dict[str, Any], machine: dict[str, Any], code: str, told: bool, make_run: Any, use_machine: Any
) -> None:
    use_machine(**machine)
    events, resolved, _ = do(make_run(train={"steps": 1}, **sections))
    engine = resolved["backend"]["neural_engine"]
    assert (engine["used"], engine["code"]) == (False, code)
    assert warnings(events) == ([engine["line"]] if told else [])
    assert resolved["data"]["packing"]["used"] is True


def test_nothing_is_said_where_another_device_was_asked_for(make_run: Callable[..., Run]) -> None:
    events, resolved, _ = do(make_run(train={"steps": 1}, backend="cpu"))
    assert "neural_engine" not in resolved["backend"] and not warnings(events)
