"""Full fine-tuning: every weight is trained. Strongest and heaviest."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.errors import BadModel, BadOption


def attach(model: nn.Module, o: Any) -> None:
    """Make every weight trainable. Raises BadOption over a quantized base, whose packed weights have no gradient."""
    packed = [name for name, m in model.named_modules() if hasattr(m, "bits") and hasattr(m, "group_size")]
    if packed:
        raise BadOption(
            "Full fine-tuning needs an unquantized model: packed weights cannot be trained. Use LoRA here (QLoRA)."
        )
    model.unfreeze()


def config(model: nn.Module, o: Any) -> dict[str, Any]:
    """adapter_config.json in mlx-lm's terms: its loader takes the tensors as the model's own weights."""
    return {"fine_tune_type": "full", "num_layers": len(model.layers), "lora_parameters": {}}


def rebuild(model: nn.Module, saved: dict[str, Any], weights: dict[str, mx.array], folder: Path) -> None:
    """Put fully trained weights into a freshly loaded model. Raises BadModel when one does not fit."""
    here = dict(tree_flatten(model.parameters()))
    for name, value in weights.items():
        if name not in here or here[name].shape != value.shape:
            raise BadModel(f"The weights in {folder} belong to another model: {name} does not fit here.")
    model.load_weights([(k, v.astype(here[k].dtype)) for k, v in weights.items()], strict=False)
