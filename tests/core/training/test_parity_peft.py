"""DoRA, rsLoRA, LoRA+ and LoRA over packed weights do what PEFT, bitsandbytes and TRL do; adapters go both ways.

The values to compare with were made with them, see tests/reference/README.md.
"""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from safetensors.numpy import load_file

from core import adapters
from core.events import Started, Step
from core.model.load import load
from core.run import Run
from core.train import train

REFERENCE = Path(__file__).parents[2] / "reference"
RECORDED: dict[str, Any] = json.loads((REFERENCE / "peft.json").read_text(encoding="utf-8"))
CASES: dict[str, Any] = RECORDED["cases"]
TOKENS = mx.array([RECORDED["tokens"]])


@pytest.fixture(autouse=True)
def one_batch_at_a_time() -> None:
    """No: as many as the machine has cores for, as usual."""


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["steps"]])
def test_eight_steps_are_those_of_trl_with_peft(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    events = list(train(as_run(name, case, tmp_path / "run")))
    steps, expected = [e for e in events if isinstance(e, Step)], case["steps"]
    assert [s.loss for s in steps] == pytest.approx([e["loss"] for e in expected], rel=0, abs=3e-5)
    assert [s.grad_norm for s in steps] == pytest.approx([e["grad_norm"] for e in expected], rel=1e-4)
    start = adapters.read(REFERENCE / "peft" / name)[1]
    goal, trained = load_file(REFERENCE / "peft" / f"{name}.safetensors"), adapters.read(tmp_path / "run")[1]
    assert trained.keys() == goal.keys() - {"logits"}
    distance = sum(float(np.square(np.array(trained[k]) - g).sum()) for k, g in goal.items() if k in trained)
    path = sum(float(np.square(np.array(start[k]) - g).sum()) for k, g in goal.items() if k in trained)
    assert (distance / path) ** 0.5 < 4e-4
    (started,) = [e for e in events if isinstance(e, Started)]
    assert started.precision["used"] == ("float32" if case["base"] == "none" else case["base"])


@pytest.mark.parametrize("name", CASES)
def test_an_adapter_of_peft_gives_pefts_logits(name: str) -> None:
    case = CASES[name]
    model = load(
        REFERENCE / "models" / case["model"],
        "float32",
        device="cpu",
        quantization=case["base"],
        double=case["double"],
    ).model
    adapters.load(model, REFERENCE / "peft" / name)
    model.eval()
    expected = load_file(REFERENCE / "peft" / f"{name}.safetensors")["logits"]
    assert np.abs(np.array(model(TOKENS)[0, -2:]) - expected).max() < 1e-4


def as_run(name: str, case: dict[str, Any], output: Path) -> Run:
    """The case as a run that goes on from PEFT's own folder."""
    options = case["options"]
    own = ("batch_size", "gradient_accumulation_steps", "learning_rate", "weight_decay", "max_grad_norm")
    return Run.from_dict(
        {
            "output": str(output),
            "backend": "cpu",
            "model": {
                "path": str(REFERENCE / "models" / case["model"]),
                "dtype": "float32",
                "quantization": case["base"],
                "double_quantization": case["double"],
            },
            "data": {
                "path": str(REFERENCE / "data" / f"{case['data']}.jsonl"),
                "eval_split": 0.0,
                "shuffle": False,
                "max_seq_len": options["max_seq_len"],
                "train_on": options["train_on"],
            },
            "adapter": {"init": str(REFERENCE / "peft" / name)} | ({"plus": case["plus"]} if case["plus"] else {}),
            "train": {
                "steps": len(case["steps"]),
                "lr_schedule": "constant",
                "warmup_steps": 0,
                "samples": 0,
                **{option: options[option] for option in own},
            },
        }
    )
