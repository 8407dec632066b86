"""Adapter folders on disk: mlx-lm's format, which Hone writes, and PEFT's, read in mlx-lm's terms."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import rank_pattern
from core.errors import BadModel
from core.quant import MODES
from core.quant.modes import UNPACKED

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"
PEFT_WEIGHTS = "adapter_model.safetensors"

# PEFT's names of tensors → mlx-lm's, and whether they lie the other way round.
_NAMES = {
    "lora_A.weight": ("lora_a", True),
    "lora_B.weight": ("lora_b", True),
    "lora_embedding_A": ("lora_a", True),
    "lora_embedding_B": ("lora_b", True),
    "lora_magnitude_vector": ("m", False),
    "lora_magnitude_vector.weight": ("m", False),
}
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class BasePrecision:
    """How the model below an adapter was packed while training."""

    quantization: str = UNPACKED
    double: bool = False
    source: str = "as in training"  # why

    @property
    def note(self) -> str:
        """A sentence for people; "" where the base is as it comes."""
        if self.quantization == UNPACKED:
            return ""
        packed = f"{self.quantization}{' with packed scales' if self.double else ''}"
        return f"The base is packed as {packed}, {self.source}."


def read_base_precision(folder: Path) -> BasePrecision:
    """How the base was packed when the adapter in a folder was trained. Raises BadModel for what nobody knows."""
    said = _config(folder).get("base_precision")
    if not isinstance(said, dict):
        return BasePrecision()
    mode, double = said.get("quantization", UNPACKED), said.get("double_quantization", False)
    if mode not in (UNPACKED, *MODES) or not isinstance(double, bool):
        raise BadModel(f"The adapter in {folder} was trained over a base packed as {mode!r}, which is not known here.")
    return BasePrecision(mode, double)


def choose_base_precision(folder: str | Path | None, asked: str | None) -> BasePrecision:
    """The base to build for an adapter (None: no adapter): as `asked`, or as it was packed in training."""
    if asked is not None:
        return BasePrecision(asked, source="as asked")
    return BasePrecision() if folder is None else read_base_precision(Path(folder))


def read(folder: Path) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) of an adapter folder, in mlx-lm's terms. Raises BadModel.

    Layers of a PEFT adapter still carry PEFT's names of them, see `places`.
    """
    saved = _config(folder)
    if "peft_type" not in saved:
        return saved, rank_pattern.from_uniform(_tensors(folder, WEIGHTS), saved)
    _refuse(folder, saved)
    weights = _renamed(folder, _tensors(folder, PEFT_WEIGHTS))
    return _from_peft(folder, saved, sorted({key.rpartition(".")[0] for key in weights})), weights


def match_layer_names(names: Iterable[str], modules: set[str]) -> dict[str, str]:
    """Each layer's name in this model, where transformers has another prefix for the same layer."""
    ends: dict[str, list[str]] = {}
    for name in modules:
        ends.setdefault(_end(name), []).append(name)
    found = {}
    for name in names:
        same = ends.get(_end(name), [])
        found[name] = same[0] if name not in modules and len(same) == 1 else name
    return found


def _end(name: str) -> str:
    """What two ways of naming the same layer have in common."""
    _, inside, rest = name.partition("layers.")
    return inside + rest if inside else name.rpartition(".")[2]


def _config(folder: Path) -> dict[str, Any]:
    try:
        saved = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {CONFIG} is missing.") from None
    except (OSError, ValueError) as error:
        raise BadModel(f"The adapter in {folder} cannot be read: {str(error).strip().splitlines()[0]}.") from None
    if not isinstance(saved, dict):
        raise BadModel(f"The adapter in {folder} cannot be read: it is neither in mlx-lm's format nor in PEFT's.")
    return saved


def _tensors(folder: Path, name: str) -> dict[str, mx.array]:
    try:
        weights = mx.load(str(folder / name))
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {name} is missing.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(f"The adapter in {folder} cannot be read: {str(error).strip().splitlines()[0]}.") from None
    if not isinstance(weights, dict):
        raise BadModel(f"The adapter in {folder} cannot be read: {name} holds no named tensors.")
    return weights


def _refuse(folder: Path, saved: dict[str, Any]) -> None:
    """Raises BadModel for what has no place in an add-on of mlx-lm's kind."""
    if saved["peft_type"] != "LORA":
        raise BadModel(f"The adapter in {folder} is of PEFT's kind {saved['peft_type']}, which is not supported.")
    if saved.get("modules_to_save"):
        names = " and ".join(saved["modules_to_save"])
        raise BadModel(
            f"The PEFT adapter in {folder} holds {names} whole beside its add-ons (modules_to_save), and here only "
            "add-ons can be trained beside a frozen model: merge it in PEFT (merge_and_unload), and give the result "
            "as the model."
        )
    for name, why in (
        ("target_parameters", "add-ons on bare parameters"),
        ("layer_replication", "replicated layers"),
    ):
        if saved.get(name):
            raise BadModel(f"The PEFT adapter in {folder} has {why} ({name}), which is not supported.")
    if saved.get("bias", "none") != "none":
        raise BadModel(f"The PEFT adapter in {folder} trains biases, which is not supported.")


def _from_peft(folder: Path, saved: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """PEFT's adapter_config.json in mlx-lm's terms, for these layers. Raises BadModel for what has no place there."""
    rslora = bool(saved.get("use_rslora"))
    try:
        layers = rank_pattern.from_peft(saved, names, rslora=rslora)
        usual = rank_pattern.common_rank_scale(layers)
        alpha = float(saved["lora_alpha"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError, re.error):
        raise BadModel(f"The PEFT adapter in {folder} does not say its rank and alpha.") from None
    return {
        "model": saved.get("base_model_name_or_path"),
        "fine_tune_type": "dora" if saved.get("use_dora") else "lora",
        "lora_parameters": {**usual._asdict(), "dropout": float(saved.get("lora_dropout") or 0.0)},
        "lora_alpha": alpha,
        "use_rslora": rslora,
        **rank_pattern.describe_exceptions(layers),
    }


def _renamed(folder: Path, weights: dict[str, mx.array]) -> dict[str, mx.array]:
    found = {}
    for key, value in weights.items():
        name = key.removeprefix(_PREFIX)
        if name.endswith(".base_layer.weight"):
            continue  # PEFT lays the frozen embeddings beside their add-on
        end = next((end for end in _NAMES if name.endswith(f".{end}")), None)
        if end is None:
            raise BadModel(f"The PEFT adapter in {folder} holds {key}, which is no part of a LoRA or DoRA add-on.")
        leaf, turned = _NAMES[end]
        found[f"{name.removesuffix(end)}{leaf}"] = value.T if turned else value.reshape(-1)
    return found
