"""The policy loss does what TRL's GRPOTrainer does with the same answers: losses, gradient norms, final weights.

The values to compare with were made with TRL, see tests/reference/README.md.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from core.events import Step
from core.run import Run
from core.train import train
from tests.core.training.test_parity_sft import REFERENCE, distance

CASES: dict[str, Any] = json.loads((REFERENCE / "grpo.json").read_text(encoding="utf-8"))["cases"]


@pytest.fixture(autouse=True)
def one_batch_at_a_time() -> None:
    """No: as many as the machine has cores for, as usual."""


@pytest.mark.parametrize("name", CASES)
def test_every_step_is_that_of_trl(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    steps = [event for event in train(as_run(case, tmp_path)) if isinstance(event, Step)]
    expected = case["steps"]
    assert [s.step for s in steps] == list(range(1, len(expected) + 1))
    assert [s.loss for s in steps] == pytest.approx([e["loss"] for e in expected], rel=0, abs=3e-5)
    assert [s.grad_norm for s in steps] == pytest.approx([e["grad_norm"] for e in expected], rel=1e-4)
    start = {"adapter": f"{case['model']}-mlx"}
    assert (
        distance(start, REFERENCE / "grpo" / f"{name}.safetensors", tmp_path / "run") < 2e-3
    )  # Adam's first steps are signs: one near zero (1.03e-3 on CUDA)
    if case["options"]["num_iterations"] > 1:
        assert any(s.metrics["clipped"] > 0.05 for s in steps)


def as_run(case: dict[str, Any], folder: Path) -> Run:
    """The case as a run that replays the recorded answers, each with the model's own end token."""
    replay = folder / "replay.jsonl"
    with replay.open("w", encoding="utf-8") as file:
        for line in (REFERENCE / "data" / "rollouts.jsonl").read_text(encoding="utf-8").splitlines():
            group = json.loads(line)
            for answer in group["answers"]:
                if not answer["cut"]:
                    answer["ids"][-1] = case["eos"]
            file.write(json.dumps(group) + "\n")
    own = dict(case["options"])
    rate, norm = own.pop("learning_rate"), own.pop("max_grad_norm")
    return Run.from_dict(
        {
            "method": "grpo",
            "output": str(folder / "run"),
            "backend": "cpu",
            "model": {"path": str(REFERENCE / "models" / case["model"]), "dtype": "float32"},
            "data": {"eval_split": 0.0, "shuffle": False},
            "adapter": {
                "init": str(REFERENCE / "adapters" / f"{case['model']}-mlx"),
                "rank": 8,
                "alpha": 16.0,
            },
            "train": {
                "steps": len(case["steps"]),
                "learning_rate": rate,
                "max_grad_norm": norm,
                "lr_schedule": "constant",
                "warmup_steps": 0,
                "samples": 0,
            },
            "options": {
                **{k: v for k, v in own.items() if v is not None},
                "max_completion_length": 12,
                "group_size": 4,
                "replay": str(replay),
            },
        }
    )
