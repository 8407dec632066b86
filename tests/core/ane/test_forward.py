"""Runs whose passes without a gradient alone are computed by programs: the reference's, and validation's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.ane.runner import RunnerError
from core.events import Evaluated, Event, Finished, Started, Step, Warned
from core.run import Run
from core.train import train
from tests.core.ane.conftest import FORWARD_ONLY
from tests.core.ane.evaluator import Evaluator
from tests.core.ane.test_run_losses import TOLERANCE, TRAIN, rows
from tests.core.conftest import only

Make = Callable[..., Run]
Use = Callable[..., None]


def facts(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "resolved.json").read_text())["backend"]["neural_engine"]
    return found


def differences(got: list[Event], want: list[Event], kind: type) -> list[float]:
    pairs = zip(only(kind, got), only(kind, want), strict=True)
    return [abs(a.loss - b.loss) / max(1, abs(b.loss)) for a, b in pairs]


def test_validation_alone(make_run: Make, use_machine: Use, tmp_path: Path) -> None:
    want = list(train(make_run("without", train=TRAIN)))
    use_machine(seconds=FORWARD_ONLY)
    got = list(train(make_run("with", train=TRAIN)))
    assert differences(got, want, Step) == [0] * 4  # the steps are computed as ever, packed
    off = differences(got, want, Evaluated)
    assert len(off) == 3 and 0 < max(off) <= TOLERANCE
    engine = facts(tmp_path / "with")
    assert (engine["used"], engine["code"], engine["stage"]) == (False, "slower", "worth")
    assert engine["line"].startswith("Neural Engine: validation, not the steps. With it a step would take")
    used = {part["part"]: part["used"] for part in engine["parts"]}
    assert used == {"forward pass": "CPU", "gradients": "CPU", "head and loss": "CPU", "validation": "Neural Engine"}
    assert {part["asked"] for part in engine["parts"]} == {"automatic, the fastest"}
    assert engine["facts"]["calls"] >= 3 and not engine["facts"]["fallbacks"] and engine["facts"]["largest_error"] > 0
    report = (tmp_path / "with" / "report.md").read_text()
    line = "Neural Engine (asked: automatic, the fastest). Core ML, planned 97% on the Neural Engine."
    assert f"| Validation | {line} |" in report and "| Gradients | CPU (asked" in report


@pytest.mark.parametrize("method", ["dpo", pytest.param("kto", marks=pytest.mark.slow)])
def test_a_reference_is_asked_there(method: str, make_run: Make, use_machine: Use, tmp_path: Path) -> None:
    data = {"path": rows(tmp_path, method)}
    want = list(train(make_run("without", method=method, data=data, train=TRAIN)))
    use_machine(seconds=FORWARD_ONLY)
    got = list(train(make_run("with", method=method, data=data, train=TRAIN)))
    off = differences(got, want, Step) + differences(got, want, Evaluated)
    assert 0 < max(off) <= TOLERANCE
    before = only(Evaluated, got)[0]
    if method == "dpo":  # the held-out rows agree with their reference to the last bit: both come from programs
        assert before.loss == only(Evaluated, want)[0].loss
    used = {part["part"]: part["used"] for part in facts(tmp_path / "with")["parts"]}
    assert used["reference"] == used["validation"] == "Neural Engine" and used["forward pass"] == "CPU"
    assert only(Started, got)[0].backend["neural_engine"]["line"].startswith("Neural Engine: reference and validation")


class Breaks(Evaluator):
    """Works for its first calls, over all programs."""

    left = 0

    def run(self, feed: Any) -> Any:
        Breaks.left -= 1
        if Breaks.left < 0:
            raise RunnerError("Core ML could not compute (made up)")
        return super().run(feed)


@pytest.mark.parametrize("calls", [1, 10])
def test_a_failure_is_finished_in_mlx(calls: int, make_run: Make, use_machine: Use, tmp_path: Path) -> None:
    """While the reference is asked, and while it is validated."""
    data = {"path": rows(tmp_path, "dpo")}
    want = list(train(make_run("without", method="dpo", data=data, train=TRAIN)))
    Breaks.left = calls
    use_machine(Breaks, seconds=FORWARD_ONLY)
    got = list(train(make_run("with", method="dpo", data=data, train=TRAIN)))
    assert max(differences(got, want, Step) + differences(got, want, Evaluated)) <= TOLERANCE
    assert only(Finished, got)[0].step == 4
    (told,) = [e.message for e in only(Warned, got) if e.code == "neural-engine-off"]
    assert told == (
        "Neural Engine: At step 0 it is switched off for reference and validation: Core ML could not compute (made up)."
    )
    engine = facts(tmp_path / "with")
    assert engine["code"] == "runtime" and {part["used"] for part in engine["parts"]} == {"CPU"}
    assert engine["facts"]["fallbacks"]["failed"] == 1


def test_a_job_whose_steps_are_refused_may_validate_there(make_run: Make, use_machine: Use, tmp_path: Path) -> None:
    use_machine(seconds=FORWARD_ONLY)
    run = make_run("with", adapter={"dropout": 0.1}, train={"steps": 1, "eval_every": 1})
    events = list(train(run))
    engine = facts(tmp_path / "with")
    assert engine["code"] == "adapter" and engine["facts"]["calls"] > 0
    assert engine["line"] == "Neural Engine: validation, not the steps. LoRA with dropout is not supported there."
    assert not [e for e in only(Warned, events) if e.code.startswith("neural-engine")]


def test_programs_that_cannot_be_loaded_cost_the_run_nothing(make_run: Make, use_machine: Use, tmp_path: Path) -> None:
    def load(folder: Path) -> Any:
        raise RunnerError("Core ML could not load the program (made up)")

    use_machine(load, seconds=FORWARD_ONLY)
    events = list(train(make_run("with", train={"steps": 1, "eval_every": 1})))
    (told,) = [e.message for e in only(Warned, events) if e.code.startswith("neural-engine")]
    assert told == "Neural Engine: not used. Core ML could not load the program (made up)."
    assert "Neural Engine" not in {part["used"] for part in facts(tmp_path / "with")["parts"]}
