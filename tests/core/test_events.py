"""Events: every kind survives its line of JSON, and the line is what the contract says."""

import dataclasses
import json
import math
import time
from typing import Any

import pytest

from core.events import (
    KINDS,
    Evaluated,
    Event,
    Finished,
    Paused,
    Phase,
    Resumed,
    Sample,
    Saved,
    Started,
    Step,
    Warned,
    from_json,
    to_json,
)

STEP = Step(
    step=3,
    loss=1.5,
    learning_rate=1e-5,
    grad_norm=0.25,
    tokens=4096,
    trained_tokens=1000,
    tokens_per_second=512.5,
    peak_memory_bytes=2**33,
    epoch=0.3,
    seconds=8.0,
    metrics={"accuracy": 0.5},
    time=12.5,
)

EXAMPLES: list[Event] = [
    Phase("Downloading model", "model.safetensors", 0.5, time=1.0),
    Phase("Training", time=1.0),
    Started(
        name="a",
        folder="/runs/a",
        method="sft",
        model="starter",
        total_steps=10,
        first_step=1,
        epochs=3.0,
        rows=90,
        eval_rows=10,
        tokens=10_000,
        trainable_parameters=1_000,
        total_parameters=2_000_000,
        backend={"requested": "auto", "used": "cpu", "device": "cpu", "reason": "no GPU was found"},
        precision={"requested": "auto", "used": "float32", "detail": "", "reason": "fastest on a CPU"},
        time=2.0,
    ),
    STEP,
    Evaluated(step=3, loss=1.25, best=True, tokens=500, metrics={"accuracy": 1.0}, time=4.0),
    Sample(step=0, stage="before", index=0, prompt="Wie geht’s?\n", answer="“Gut”\t🙂", expected="", time=5.0),
    Saved(step=3, path="checkpoints/step-0000003", what="checkpoint", time=6.0),
    Warned(code="cut", message="2 rows were cut.", time=7.0),
    Paused(step=3, seconds=1.5, time=7.5),
    Resumed(step=3, changes={"train.learning_rate": [2e-4, 1e-4]}, time=7.75),
    Finished(reason="done", step=10, message="It worked.", seconds=60.0, loss_before=2.0, loss_after=1.0, time=8.0),
    Finished(reason="failed", step=0, message="Out of memory.", seconds=0.5, time=9.0),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_round_trip(event: Event) -> None:
    line = to_json(event)
    assert "\n" not in line
    assert from_json(line) == event


def test_every_kind_has_an_example() -> None:
    assert {type(event).__name__ for event in EXAMPLES} == set(KINDS)


def test_the_line_is_the_public_contract() -> None:
    assert json.loads(to_json(STEP)) == {
        "event": "Step",
        "time": 12.5,
        "step": 3,
        "loss": 1.5,
        "learning_rate": 1e-5,
        "grad_norm": 0.25,
        "tokens": 4096,
        "trained_tokens": 1000,
        "tokens_per_second": 512.5,
        "peak_memory_bytes": 2**33,
        "epoch": 0.3,
        "seconds": 8.0,
        "metrics": {"accuracy": 0.5},
        "process_memory_bytes": 0,
    }


def test_text_is_written_as_people_read_it() -> None:
    assert "Wie geht’s?" in to_json(Sample(0, "before", 0, "Wie geht’s?", ""))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_hold_becomes_null_and_reads_as_nan(bad: float) -> None:
    line = to_json(dataclasses.replace(STEP, loss=bad, metrics={"kl": bad, "accuracy": 0.5}))
    values = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert values["loss"] is None
    assert values["metrics"] == {"kl": None, "accuracy": 0.5}
    read = from_json(line)
    assert isinstance(read, Step)
    assert math.isnan(read.loss) and read.grad_norm == 0.25
    assert math.isnan(read.metrics["kl"]) and read.metrics["accuracy"] == 0.5


def test_an_optional_number_stays_none() -> None:
    read = from_json(to_json(Finished(reason="stopped", step=1, message="Stopped.", seconds=1.0)))
    assert isinstance(read, Finished)
    assert read.loss_before is None and read.best_step is None


def test_a_field_of_a_later_version_is_ignored() -> None:
    line = json.dumps(json.loads(to_json(STEP)) | {"watts": 20})
    assert from_json(line) == STEP


NO_EVENTS = [
    '{"event": "Stepp"}',
    '{"event": ["Step"]}',
    "{}",
    "[1]",
    "3",
    "null",
    '{"event": "Step", "step": 1',
    '{"event": "Warned", "code": "cut"}',  # a field is missing
    '{"event": "Warned", "code": "cut", "message": null}',
    '{"event": "Finished", "reason": null, "step": 1, "message": "Done.", "seconds": 1.0}',
    '{"event": "Finished", "reason": "done", "step": 1.5, "message": "Done.", "seconds": 1.0}',
    '{"event": "Finished", "reason": "done", "step": true, "message": "Done.", "seconds": 1.0}',
    '{"event": "Finished", "reason": "done", "step": 1, "message": "Done.", "seconds": "x"}',
    '{"event": "Finished", "reason": "done", "step": 1, "message": "", "seconds": 1, "metrics_after": 5}',
    '{"event": "Finished", "reason": "done", "step": 1, "message": "", "seconds": 1, "metrics_after": {"a": "b"}}',
    '{"event": "Evaluated", "step": 1, "best": false, "tokens": 1, "loss": 1' + "0" * 400 + "}",
    '{"event": "Evaluated", "step": 1, "best": false, "tokens": 1, "loss": 1' + "0" * 5000 + "}",
    '{"event": "Phase", "name": ' + "[" * 100_000,
]


@pytest.mark.parametrize("line", NO_EVENTS, ids=lambda line: line[:40])
def test_what_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        from_json(line)


def test_time_is_now_unless_given() -> None:
    start = time.time()
    event: Any = Warned("a", "b")
    assert start <= event.time <= time.time()
