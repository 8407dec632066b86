"""Models that other people packed: transformers' folders with bitsandbytes, as they are and with the same logits.

The values to compare with were made with them, see tests/reference/README.md.
"""

import json
import shutil
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from safetensors.numpy import load_file

from core import adapters
from core.errors import BadModel
from core.model.load import load
from core.quant import is_packed
from core.run import Adapter

REFERENCE = Path(__file__).parents[2] / "reference"
TOKENS = mx.array([json.loads((REFERENCE / "peft.json").read_text(encoding="utf-8"))["tokens"]])
LOGITS = load_file(REFERENCE / "bnb" / "logits.safetensors")


def folder(kind: str, goal: Path) -> Path:
    """The model's folder with its tokenizer."""
    shutil.copytree(REFERENCE / "bnb" / kind, goal)
    for file in (REFERENCE / "models" / "qwen3-tiny").glob("tokenizer*"):
        shutil.copy(file, goal)
    return goal


@pytest.mark.parametrize("kind", LOGITS)
def test_it_is_what_it_is_and_answers_as_the_dense_model(kind: str, tmp_path: Path) -> None:
    mode, _, double = kind.partition("-")
    loaded = load(folder(kind, tmp_path / "model"), "float32", device="cpu")
    assert loaded.precision.used == mode and loaded.precision.double == bool(double)
    assert loaded.precision.reason.startswith("the model is already quantized")
    packed = [name for name, m in loaded.model.named_modules() if is_packed(m)]
    assert len(packed) == 14  # seven layers of each of the two blocks
    assert np.abs(np.array(loaded.model(TOKENS)[0, -2:]) - LOGITS[kind]).max() < 1e-4
    adapters.attach(loaded.model, Adapter(rank=2))
    assert len(adapters.trainable_tensors(loaded.model)) == 28
    with pytest.raises(BadModel, match="is already quantized"):
        load(tmp_path / "model", "float32", device="cpu", quantization="nf4")


def test_blocks_of_another_size_are_refused_in_a_sentence(tmp_path: Path) -> None:
    model = folder("nf4", tmp_path / "model")
    tensors = mx.load(str(model / "model.safetensors"))
    name = next(key for key in tensors if "quant_state" in key)
    state = json.loads(bytes(np.array(tensors[name]))) | {"blocksize": 128}
    tensors[name] = mx.array(np.frombuffer(json.dumps(state).encode(), dtype=np.uint8))
    mx.save_safetensors(str(model / "model.safetensors"), tensors, {"format": "pt"})
    with pytest.raises(BadModel, match="is packed by bitsandbytes in an unusual way"):
        load(model, "float32", device="cpu")
