"""DPO, SimPO, ORPO, KTO and distillation do what TRL's trainers do: losses, gradient norms, rewards, final weights.

The values to compare with were made with TRL, see tests/reference/README.md. The matrix holds every variant of a
method, times model, reference, accumulation and cut; all but a sample of it counts as slow.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from core.events import Step
from core.run import Run
from core.train import train
from tests.core.training.test_parity_sft import REFERENCE, distance

CASES: dict[str, Any] = json.loads((REFERENCE / "preference.json").read_text(encoding="utf-8"))["cases"]
STEPS = 8
METRICS = ("chosen_reward", "rejected_reward", "margin", "accuracy", "kl")


MATRIX: dict[str, Any] = json.loads((REFERENCE / "matrix.json").read_text(encoding="utf-8"))
EXPECTED = load_file(REFERENCE / "matrix.safetensors")
SAMPLED = 41  # every so manyth cell is always tried: prime, so that each variant, model and so on has its turn


@pytest.fixture(autouse=True)
def one_batch_at_a_time() -> None:
    """No: as many as the machine has cores for, as usual."""


@pytest.mark.parametrize("name", CASES)
def test_eight_steps_are_those_of_trl(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    steps = case["steps"]
    assert_same(case, {key: [step[key] for step in steps] for key in steps[0]}, tmp_path / "run")
    assert distance(case, REFERENCE / "preference" / f"{name}.safetensors", tmp_path / "run") < 4e-4


@pytest.mark.parametrize(
    "name",
    [pytest.param(c, marks=[pytest.mark.slow] if n % SAMPLED else []) for n, c in enumerate(MATRIX["cases"])],
)
def test_each_cell_of_the_matrix_is_that_of_trl(name: str, tmp_path: Path) -> None:
    case = MATRIX["cases"][name]
    assert_same(case, case["steps"], tmp_path / "run", close=3e-4)
    start = sampled(REFERENCE / "adapters" / case["adapter"] / "adapters.safetensors")
    goal, trained = EXPECTED[name], sampled(tmp_path / "run" / "adapters.safetensors")
    assert np.linalg.norm(trained - goal) < 4e-4 * np.linalg.norm(goal - start)


def test_the_matrix_has_every_cell() -> None:
    """Each method's variants, with both models, whole and cut, accumulated and not, and with both references."""
    cells = MATRIX["cases"].values()
    variants: dict[str, int] = {}
    for case in cells:
        options = {k: v for k, v in case["settings"]["options"].items() if k != "reference"}
        key = json.dumps([case["method"], options], sort_keys=True)
        variants[key] = variants.get(key, 0) + 1
    kinds = [json.loads(key)[0] for key in variants]
    assert {kind: kinds.count(kind) for kind in kinds} == {"dpo": 6, "simpo": 2, "orpo": 1, "kto": 2, "distill": 7}
    for key, count in variants.items():
        assert count == (16 if json.loads(key)[0] in ("dpo", "kto") else 8), key
    settings = {
        (c["method"], c["model"], c["settings"]["options"].get("reference"), c["settings"]["max_seq_len"] < 512,
         c["settings"]["gradient_accumulation_steps"])
        for c in cells
    }  # fmt: skip
    assert len(settings) == 2 * 16 + 3 * 8


def assert_same(case: dict[str, Any], expected: dict[str, list[float]], output: Path, close: float = 3e-5) -> None:
    """The run's loss, gradient norm and metrics are the expected ones, at each step.

    Rewards and KL are differences of sums about a hundred large, so that they have digits only up to `close`.
    """
    steps = [event for event in train(as_run(case, output)) if isinstance(event, Step)]
    # Where a loss is above 1, float32 has fewer digits behind the point. IPO squares a difference of such numbers, and
    # Adam's first step goes by the sign of gradients that are nearly 0: with the last bit of the weights that a run
    # begins with, a second loss here changes by 1e-4.
    loss_type = case["settings"]["options"].get("loss_type")
    rel, norm_rel, close = (3e-4, 3e-4, 1e-3) if loss_type == "ipo" else (3e-5, 1e-4, close)
    digits = close if loss_type == "hinge" else 3e-5  # its loss is such a difference itself
    assert steps[0].loss == pytest.approx(expected["loss"][0], rel=3e-5, abs=3e-5)
    assert [s.loss for s in steps] == pytest.approx(expected["loss"], rel=rel, abs=digits)
    assert [s.grad_norm for s in steps] == pytest.approx(expected["grad_norm"], rel=norm_rel)
    accumulates = case["settings"]["gradient_accumulation_steps"] > 1
    for metric in METRICS:
        if metric not in expected or (case["method"] == "kto" and accumulates and metric != "kl"):
            continue  # TRL takes the mean of the batches' means there, whatever number of rows they are means over
        values = [s.metrics[metric] for s in steps]
        # Where both rewards are the same, which TRL counts as wrong, Hone counts one half.
        first = 1 if metric == "accuracy" and expected["margin"][0] == 0 else 0
        assert values[first:] == pytest.approx(expected[metric][first:], rel=1e-4, abs=close), metric


def sampled(file: Path) -> np.ndarray:
    """Every 31st number of each tensor, as the matrix keeps them."""
    tensors = load_file(file)
    return np.concatenate([tensors[key].flatten()[:: MATRIX["every"]] for key in sorted(tensors)])


def as_run(case: dict[str, Any], output: Path) -> Run:
    """The case as a run, set up so that nothing is left to chance."""
    settings = case["settings"]
    own = ("batch_size", "gradient_accumulation_steps", "learning_rate", "max_grad_norm")
    start = {"init": str(REFERENCE / "adapters" / str(case["adapter"])), "rank": 8, "alpha": 16.0}
    model = str(REFERENCE / "models" / case["model"])
    return Run.from_dict(
        {
            "method": case["method"],
            "output": str(output),
            "backend": "cpu",
            "model": {"path": model, "dtype": "float32"},
            "data": {
                "path": str(REFERENCE / "data" / f"{case['data']}.jsonl"),
                "eval_split": 0.0,
                "shuffle": False,
                "max_seq_len": settings["max_seq_len"],
            },
            "adapter": start if case["adapter"] else {"type": "full"},
            "train": {
                "steps": STEPS,
                "lr_schedule": "constant",
                "warmup_steps": 0,
                "samples": 0,
                **{name: settings[name] for name in own},
            },
            "options": settings["options"] | ({"teacher": model} if case["method"] == "distill" else {}),
        }
    )
