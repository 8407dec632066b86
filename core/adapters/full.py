"""Full fine-tuning: every weight is trained. It changes the most and takes the most memory."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.errors import BadModel, BadOption
from core.quant import is_packed
from core.text.sentence import say

BUFFERS = ("layer_scalar",)  # parameters in mlx-lm that are fixed numbers of the model elsewhere (Gemma 4)


def attach(model: nn.Module) -> None:
    """Make every weight trainable that transformers trains.

    Raises BadOption over a quantized base: packed weights have no gradient.
    """
    if any(is_packed(module) for _, module in model.named_modules()):
        raise BadOption(
            say("Full fine-tuning needs an unquantized model: packed weights cannot be trained. Use LoRA here (QLoRA).")
        )
    model.unfreeze()
    model.freeze(keys=list(BUFFERS))


def build_config(model: nn.Module) -> dict[str, Any]:
    """adapter_config.json in mlx-lm's terms: its loader takes the tensors as the model's own weights."""
    return {"fine_tune_type": "full", "num_layers": len(model.layers), "lora_parameters": {}}


def load_weights(model: nn.Module, weights: dict[str, mx.array], folder: Path) -> None:
    """Put fully trained weights into a freshly loaded model. Raises BadModel when one of them does not fit."""
    parameters = dict(tree_flatten(model.parameters()))
    for name, value in weights.items():
        if name not in parameters or parameters[name].shape != value.shape:
            raise BadModel(
                say(
                    "The weights in {folder} belong to another model: {name} does not fit here.",
                    folder=folder,
                    name=name,
                )
            )
    model.load_weights([(name, value.astype(parameters[name].dtype)) for name, value in weights.items()], strict=False)
