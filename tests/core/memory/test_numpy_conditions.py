"""What the estimate of memory says of NumPy before anything is loaded is what the loaded model is found to be."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.adapters.numpy_weights import can_use_numpy
from core.memory.numpy_conditions import objection_to_numpy
from core.model.families import BODIES
from core.model.load import load
from core.run import Run
from tests.core.model import zoo


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_what_a_family_promises_holds_for_its_models(family: str, tmp_path: Path) -> None:
    folder = zoo.write(tmp_path, family)
    model = load(folder, device="cpu").model
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    assert (kind in BODIES) == can_use_numpy(model)


@pytest.mark.parametrize(
    ("sections", "in_float32", "reason"),
    [
        ({}, True, ""),
        ({}, False, "it is for 32 bit"),
        ({"adapter": {"type": "full"}}, True, "it is for LoRA without dropout"),
        ({"adapter": {"dropout": 0.1}}, True, "it is for LoRA without dropout"),
        ({"method": "distill"}, True, "another model computes in the middle of a step"),
        ({"method": "kto"}, True, "another model computes in the middle of a step"),
        ({"method": "dpo"}, True, ""),
    ],
)
def test_what_a_run_has_against_it(sections: dict[str, Any], in_float32: bool, reason: str) -> None:
    assert objection_to_numpy(Run.from_dict(sections), in_float32) == reason
