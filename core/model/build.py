"""Build a model with mlx-lm from its folder: two layouts of weights, and its errors in a sentence."""

import re
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.errors import BadModel
from core.model.config_names import settings_by_older_names
from core.quant import files
from core.quant.packed import Packed
from core.text.sentence import say


def check_architecture(folder: Path, config: dict[str, Any]) -> None:
    """Raise BadModel for an architecture that mlx-lm does not have and the folder has no code of its own for."""
    from mlx_lm.utils import _get_classes

    if config.get("model_file") is not None:
        return
    model_type = config["model_type"]
    try:
        _get_classes(config | settings_by_older_names(config))
    except SystemExit:  # some of mlx-lm's files call exit() at their import when an extra package is missing
        raise BadModel(
            say(
                "{folder}: mlx-lm cannot load the architecture {model_type} without an extra package.",
                folder=folder,
                model_type=model_type,
            )
        ) from None
    except (ValueError, AttributeError):  # AttributeError: there is a module of this name, but it is no architecture
        raise BadModel(
            say(
                "{folder}: the architecture {model_type} is not supported by the installed mlx-lm.",
                folder=folder,
                model_type=model_type,
            )
        ) from None


def build_model(folder: Path, config: dict[str, Any], allow_code: bool) -> nn.Module:
    """The model of a folder with `config` as its config.json; weights are read when they are first evaluated.

    Raises BadModel, in one sentence, for whatever mlx-lm raises for a folder that it cannot load.
    """
    from mlx_lm.utils import load_model

    check_architecture(folder, config)
    try:
        options = {"lazy": True, "model_config": settings_by_older_names(config), "trust_remote_code": allow_code}
        if (config.get("quantization_config") or {}).get("quant_method") == files.METHOD:
            return _build_from_bitsandbytes(folder, options)
        model, _ = load_model(folder, **options)
        return model
    except ValueError as error:
        raise BadModel(say("{folder} cannot be loaded: {error}", folder=folder, error=_describe(error))) from None
    except (Exception, SystemExit) as error:
        # What a model class raises for sizes that do not go together: a division by zero, an assertion, and more. A
        # folder's own code may also call exit().
        raise BadModel(
            say(
                "{folder} cannot be loaded: {kind}: {error}",
                folder=folder,
                kind=type(error).__name__,
                error=_describe(error),
            )
        ) from error


def _build_from_bitsandbytes(folder: Path, options: dict[str, Any]) -> nn.Module:
    """A model whose files are in bitsandbytes' layout, which mlx-lm does not know: its packed layers stay packed."""
    from mlx_lm.utils import _get_classes, load_model

    packed_weights: dict[str, Packed] = {}

    def get_classes(config: dict[str, Any]) -> tuple[Any, Any]:
        model_class, args_class = _get_classes(config)

        def sanitize(self: Any, weights: dict[str, mx.array]) -> dict[str, mx.array]:
            # Each packed weight passes through as the dense matrix that it encodes, which is never evaluated.
            dense_weights, packed_in_file = files.split_packed(weights)
            packed_weights.update(packed_in_file)
            return model_class.sanitize(self, dense_weights) if hasattr(model_class, "sanitize") else dense_weights

        members = {"sanitize": sanitize, "__module__": model_class.__module__}
        return type(model_class.__name__, (model_class,), members), args_class

    model, _ = load_model(folder, get_model_classes=get_classes, **options)
    files.insert_packed_layers(model, packed_weights)
    return model


def _describe(error: BaseException) -> str:
    """A library's error in one sentence: of a list of tensors, how many they are and the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [say("no further detail")]
    text = lines[0]
    match = re.match(r"(Missing|Received) (\d+) parameters", text)
    if match and lines[1:]:
        count, example = int(match[2]), lines[1][:100].rstrip(".:, ")
        if match[1] == "Missing":
            return say("the weights lack {count} tensors, such as {example}.", count=count, example=example)
        return say("the model has no place for {count} tensors, such as {example}.", count=count, example=example)
    return f"{text[:200].rstrip('.:, ')}."
