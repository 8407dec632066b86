"""Each family computes what transformers computes with the same weights, from a folder as transformers 5 saves it.

The values to compare with were made with transformers, see tests/reference/README.md.
"""

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.model import families
from core.model.load import load
from tests.core.conftest import write_tokenizer

RECORDED = Path(__file__).parents[2] / "reference" / "families.json"
MADE: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("family", MADE["families"])
def test_logits_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    made = MADE["families"][family]
    write_tokenizer(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(made["config"]))
    tensors = {made["prefix"] + name: mx.array(weight(name, shape)) for name, shape in made["tensors"].items()}
    mx.save_safetensors(str(tmp_path / "model.safetensors"), tensors)
    model = load(tmp_path, "float32", device="cpu").model
    logits = model(mx.array([MADE["tokens"]]))[0, -1, : len(made["logits"])]
    assert logits.tolist() == pytest.approx(made["logits"], rel=2e-5, abs=2e-5)


def weight(name: str, shape: list[int]) -> np.ndarray:
    """A tensor by the rule of tests/reference/make_families.py."""
    waves = np.sin(1 + np.arange(int(np.prod(shape))) * (0.7 + 0.01 * len(name))).reshape(shape)
    return (0.5 + 0.1 * waves if len(shape) < 2 else 1.5 * waves / shape[-1] ** 0.5).astype(np.float32)


def test_every_family_of_the_table_has_its_numbers() -> None:
    """All but the one whose experts transformers saves in a form that mlx-lm does not read."""
    kinds = {f.title: set(f.kinds) for f in families.FAMILIES if not f.unsupported}
    missing = {title for title, of_it in kinds.items() if not of_it & set(MADE["families"])}
    assert missing == {"GPT-OSS"}
