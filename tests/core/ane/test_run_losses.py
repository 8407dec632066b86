"""The losses of whole runs with float16 programs against those without: within what float16 costs, step for step."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.ane.rules import judge_job
from core.events import Evaluated, Event, Finished, Step, Walked
from core.run import Run
from core.train import resume, train
from core.training.ane_setup import try_engine
from tests.core.conftest import only

TOLERANCE = 6e-4  # of the larger of the loss and one: what 40 steps of a model of this kind were off by
TRAIN = {"steps": 4, "learning_rate": 2e-4, "eval_every": 2}


def rows(folder: Path, method: str) -> str:
    """Rows of a preference method; several share a prompt."""
    pairs = [{"prompt": f"What is {n // 2}?", "chosen": f"It is {n}.", "rejected": "No. " * 2} for n in range(16)]
    labelled = [
        {"prompt": row["prompt"], "completion": row[key], "label": key == "chosen"}
        for row in pairs
        for key in ("chosen", "rejected")
    ]
    path = folder / f"{method}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (labelled if method == "kto" else pairs)))
    return str(path)


def losses(events: list[Event]) -> list[float]:
    """Of every step and every validation, and the last."""
    return [e.loss for kind in (Step, Evaluated) for e in only(kind, events)] + [only(Finished, events)[0].loss_after]


@pytest.mark.parametrize(
    "method", ["sft", pytest.param("dpo", marks=pytest.mark.slow), pytest.param("kto", marks=pytest.mark.slow)]
)
def test_every_loss_is_within_the_tolerance_of_float16(
    method: str, make_run: Callable[..., Run], use_machine: Callable[..., None], tmp_path: Path
) -> None:
    data = {} if method == "sft" else {"path": rows(tmp_path, method)}
    sections: dict[str, Any] = {"method": method, "train": TRAIN, "data": {**data, "packing": True}}
    want = losses(list(train(make_run("without", **sections))))
    use_machine()
    got = losses(list(train(make_run("with", backend="ane", **sections))))
    assert len(got) == len(want) >= 7
    assert max(abs(a - b) / max(1, abs(b)) for a, b in zip(got, want, strict=True)) <= TOLERANCE
    assert got != want
    resolved = json.loads((tmp_path / "with" / "resolved.json").read_text())
    facts = resolved["backend"]["neural_engine"]
    assert facts["used"] and facts["facts"]["calls"] and not facts["facts"]["fallbacks"]
    reason = "a program of the Neural Engine takes one text at a time"
    assert resolved["data"]["packing"] == {"requested": True, "used": False, "reason": reason}
    if method == "dpo":
        assert resolved["data"]["shared_prompts"] == {"used": False, "reason": reason}


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_the_engine(
    make_run: Callable[..., Run], use_machine: Callable[..., None], tmp_path: Path
) -> None:
    use_machine()
    whole = list(train(make_run("whole", backend="ane", train=TRAIN)))
    stop, parts = threading.Event(), []
    for event in train(make_run("parts", backend="ane", train=TRAIN), stop):
        parts.append(event)
        if isinstance(event, Step) and event.step == 2:
            stop.set()
    assert only(Finished, parts)[0].step == 2
    again = list(resume(tmp_path / "parts"))
    assert [e.step for e in only(Step, again)] == [3, 4]
    assert [e.loss for e in only(Step, parts + again)] == [e.loss for e in only(Step, whole)]
    facts = json.loads((tmp_path / "parts" / "resolved.json").read_text())["backend"]["neural_engine"]
    assert facts["used"] and facts["facts"]["calls"]


def test_a_run_that_needs_gradient_checkpointing_is_refused(make_run: Callable[..., Run]) -> None:
    """It would compute each forward pass there twice: where the plan turned it on, and where it was asked for."""
    plan, model = SimpleNamespace(checkpointing=True), SimpleNamespace(dtype=None, facts=SimpleNamespace(parameters=1))
    trying = try_engine(make_run(), cast("Any", None), cast("Any", model), "cpu", cast("Any", plan), None, 0)
    verdict, forward = Walked(trying).finish()
    assert forward is None and verdict.code == "memory" and "compute each forward pass twice" in verdict.reason
    asked = judge_job(make_run(train={"gradient_checkpointing": "on"}))
    assert asked and asked.code == "trainer" and "twice" in asked.reason
