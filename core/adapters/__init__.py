"""What is trained: a small add-on (lora) or every weight (full). Each kind is one file with the same functions.

attach(model, options)         freeze and extend the model; afterwards trainable_parameters() is what learns
config(model, options)         what adapter_config.json says of it, in mlx-lm's terms
off(model)                     a context in which the model answers as before training
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.adapters import full, lora
from core.errors import BadModel
from core.quant import MODES
from core.quant.modes import UNPACKED

KINDS: dict[str, ModuleType] = {"lora": lora, "full": full}

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"


def attach(model: nn.Module, options: Any) -> None:
    """Make the model trainable as asked (`options` is core.run.Adapter), and load the weights of options.init."""
    KINDS[options.type].attach(model, options)
    if options.init:
        load_into(model, Path(options.init).expanduser(), options)


def tensors(model: nn.Module) -> dict[str, mx.array]:
    """What is trained, by mlx-lm's names: model.layers.0.self_attn.q_proj.lora_a and so on."""
    return dict(tree_flatten(model.trainable_parameters()))


def config(model: nn.Module, options: Any, base: Any) -> dict[str, Any]:
    """The contents of adapter_config.json, which mlx-lm reads to load the adapter; `base` is core.run.Model.

    Beside what mlx-lm knows it says how the base was packed while training, so that it can be built the same way.
    """
    packed = {"quantization": base.quantization, "double_quantization": base.double_quantization}
    return {"model": base.path, **KINDS[options.type].config(model, options), "base_precision": packed}


@dataclass(frozen=True)
class Base:
    """How the model below an adapter was packed while training."""

    quantization: str = UNPACKED
    double: bool = False
    told: str = "as in training"  # why

    @property
    def note(self) -> str:
        """A sentence for people; "" where the base is as it comes."""
        if self.quantization == UNPACKED:
            return ""
        return f"The base is packed as {self.quantization}{' with packed scales' if self.double else ''}, {self.told}."


def base_of(folder: Path) -> Base:
    """How the base was packed when the adapter in a folder was trained. Raises BadModel for what nobody knows."""
    said = _config(folder).get("base_precision")
    if not isinstance(said, dict):
        return Base()
    mode, double = said.get("quantization", UNPACKED), said.get("double_quantization", False)
    if mode not in (UNPACKED, *MODES) or not isinstance(double, bool):
        raise BadModel(f"The adapter in {folder} was trained over a base packed as {mode!r}, which is not known here.")
    return Base(mode, double)


def base_for(folder: str | Path | None, asked: str | None) -> Base:
    """The base to build for an adapter (None: no adapter): as `asked`, or as it was packed in training."""
    if asked is not None:
        return Base(asked, told="as asked")
    return Base() if folder is None else base_of(Path(folder))


def load_into(model: nn.Module, folder: Path, options: Any) -> None:
    """Put a saved adapter's weights (Hone's or mlx-lm's format) into a model that has matching layers.

    Raises BadModel when rank or scale differ from what is asked, or a tensor is missing, too many, or of another
    shape: with another scale the same tensors would be another model.
    """
    saved, weights = read(folder)
    mine, its = KINDS[options.type].config(model, options)["lora_parameters"], saved.get("lora_parameters", {})
    if any(its.get(name) != mine[name] for name in ("rank", "scale")):
        rank, scale = its.get("rank"), its.get("scale")
        if not isinstance(rank, int) or not isinstance(scale, int | float):
            raise BadModel(f"The adapter in {folder} does not say its rank and scale.")
        raise BadModel(
            f"The adapter in {folder} was trained with rank {rank} and alpha {rank * scale:g}; "
            "ask for the same to go on from it."
        )
    wanted = tensors(model)
    if set(weights) != set(wanted):
        odd = sorted(set(weights) ^ set(wanted))[0]
        side = "holds" if odd in weights else "lacks"
        raise BadModel(
            f"The adapter in {folder} does not fit this run: it {side} {odd}; set targets and layers as it has."
        )
    for name, value in weights.items():
        if value.shape != wanted[name].shape:
            raise BadModel(
                f"The adapter in {folder} does not fit this run: {name} has shape {tuple(value.shape)}, "
                f"but {tuple(wanted[name].shape)} is asked for."
            )
    model.load_weights([(k, v.astype(wanted[k].dtype)) for k, v in weights.items()], strict=False)


def load(model: nn.Module, folder: Path) -> None:
    """Extend a freshly loaded model with a saved adapter, whatever kind it is; for chatting and evaluating."""
    saved, weights = read(folder)
    kind = saved.get("fine_tune_type", "lora")
    if kind not in KINDS:
        raise BadModel(f"The adapter in {folder} is of the kind {kind!r}, which is not supported.")
    KINDS[kind].rebuild(model, saved, weights, folder)


def read(folder: Path) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) of an adapter folder. Raises BadModel."""
    saved = _config(folder)
    try:
        weights = mx.load(str(folder / WEIGHTS))
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {WEIGHTS} is missing.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(f"The adapter in {folder} cannot be read: {str(error).strip().splitlines()[0]}.") from None
    if not isinstance(weights, dict):
        raise BadModel(f"The adapter in {folder} cannot be read: it is not in mlx-lm's format.")
    return saved, weights


def _config(folder: Path) -> dict[str, Any]:
    try:
        saved = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {CONFIG} is missing.") from None
    except (OSError, ValueError) as error:
        raise BadModel(f"The adapter in {folder} cannot be read: {str(error).strip().splitlines()[0]}.") from None
    if not isinstance(saved, dict):
        raise BadModel(f"The adapter in {folder} cannot be read: it is not in mlx-lm's format.")
    return saved


def chat_template(folder: Path) -> str | None:
    """The chat template that was chosen for the training, where the model has none of its own."""
    file = folder / "chat_template.jinja"
    return file.read_text(encoding="utf-8") if file.is_file() else None


@contextmanager
def off(model: nn.Module) -> Iterator[None]:
    """Within this, the model answers as it did before training: adapter layers pass their base's output on."""
    layers = [m for _, m in model.named_modules() if isinstance(m, lora.LoRALinear)]
    for layer in layers:
        layer.enabled = False
    try:
        yield
    finally:
        for layer in layers:
            layer.enabled = True
