"""SFT does what TRL's SFTTrainer does: the same tokens and targets, losses, gradient norms and final weights.

The values to compare with were made with TRL, see tests/reference/README.md.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from core.data.dataset import load_dataset
from core.data.kinds import TEXT
from core.data.tokenize.encode import encode_example
from core.data.tokenize.tokenizer import load_tokenizer
from core.events import Step
from core.run import Run
from core.train import train

REFERENCE = Path(__file__).parents[2] / "reference"
CASES: dict[str, Any] = json.loads((REFERENCE / "sft.json").read_text(encoding="utf-8"))["cases"]

pytestmark = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def one_batch_at_a_time() -> None:
    """No: as many as the machine has cores for, as usual."""


def test_tokens_and_targets_are_those_of_trl(name: str) -> None:
    case = CASES[name]
    tokenizer = load_tokenizer(REFERENCE / "models" / case["model"])
    examples = load_dataset(REFERENCE / "data" / f"{case['data']}.jsonl", TEXT).examples
    options = {"train_on": case["options"]["train_on"], "max_len": case["options"]["max_seq_len"]}
    rows = [encode_example(example, tokenizer, **options)[0] for example in examples]
    encoded = [(row.tokens.tolist(), "".join(map(str, row.mask))) for row in rows if row.mask.any()]
    assert encoded == [(row["tokens"], row["targets"]) for row in case["rows"]]


def test_eight_steps_are_those_of_trl(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    run = as_run(case, tmp_path / "run")
    steps = [event for event in train(run) if isinstance(event, Step)]
    expected = case["steps"]
    assert [s.step for s in steps] == list(range(1, len(expected) + 1))
    assert [s.learning_rate for s in steps] == [e["learning_rate"] for e in expected]
    assert [s.loss for s in steps] == pytest.approx([e["loss"] for e in expected], rel=0, abs=3e-5)
    assert [s.grad_norm for s in steps] == pytest.approx([e["grad_norm"] for e in expected], rel=1e-4)
    assert distance(case, REFERENCE / "sft" / f"{name}.safetensors", tmp_path / "run") < 4e-4


def as_run(case: dict[str, Any], output: Path) -> Run:
    """The case as a run, set up so that nothing is left to chance."""
    options = case["options"]
    own = ("batch_size", "gradient_accumulation_steps", "learning_rate", "weight_decay", "max_grad_norm")
    start = {"init": str(REFERENCE / "adapters" / str(case["adapter"])), "rank": 8, "alpha": 16.0}
    return Run.from_dict(
        {
            "output": str(output),
            "backend": "cpu",
            "model": {"path": str(REFERENCE / "models" / case["model"]), "dtype": "float32"},
            "data": {
                "path": str(REFERENCE / "data" / f"{case['data']}.jsonl"),
                "eval_split": 0.0,
                "shuffle": False,
                "max_seq_len": options["max_seq_len"],
                "train_on": options["train_on"],
            },
            "adapter": start if case["adapter"] else {"type": "full"},
            "train": {
                "steps": len(case["steps"]),
                "lr_schedule": "constant",
                "warmup_steps": 0,
                "samples": 0,
                **{name: options[name] for name in own},
            },
        }
    )


def distance(case: dict[str, Any], expected: Path, output: Path) -> float:
    """How far the two results lie apart (L2 over all tensors), as a share of how far theirs is from the start."""
    if case["adapter"]:
        start = load_file(REFERENCE / "adapters" / case["adapter"] / "adapters.safetensors")
    else:
        start = load_file(REFERENCE / "models" / case["model"] / "model.safetensors")
    goal, trained = load_file(expected), load_file(output / "adapters.safetensors")
    assert trained.keys() == goal.keys()

    def squared(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
        return sum(float(np.square(a[k].astype(np.float64) - b[k]).sum()) for k in goal)

    return (squared(trained, goal) / squared(goal, start)) ** 0.5
