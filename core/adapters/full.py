"""Full fine-tuning: every weight is trained. Strongest and heaviest."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.errors import BadModel, BadOption
from core.quant import is_packed


def attach(model: nn.Module, o: Any) -> None:
    """Make every weight trainable. Raises BadOption over a quantized base, whose packed weights have no gradient."""
    if any(is_packed(m) for _, m in model.named_modules()):
        raise BadOption(
            "Full fine-tuning needs an unquantized model: packed weights cannot be trained. Use LoRA here (QLoRA)."
        )
    model.unfreeze()


def config(model: nn.Module) -> dict[str, Any]:
    """adapter_config.json in mlx-lm's terms: its loader takes the tensors as the model's own weights."""
    return {"fine_tune_type": "full", "num_layers": len(model.layers), "lora_parameters": {}}


def rebuild(model: nn.Module, weights: dict[str, mx.array], folder: Path) -> None:
    """Put fully trained weights into a freshly loaded model. Raises BadModel when one does not fit."""
    here = dict(tree_flatten(model.parameters()))
    for name, value in weights.items():
        if name not in here or here[name].shape != value.shape:
            raise BadModel(f"The weights in {folder} belong to another model: {name} does not fit here.")
    model.load_weights([(k, v.astype(here[k].dtype)) for k, v in weights.items()], strict=False)
