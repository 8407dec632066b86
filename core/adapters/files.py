"""Adapter folders on disk: mlx-lm's format, which Hone writes, and PEFT's, which is read in mlx-lm's terms."""

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

# PEFT's names of tensors → (mlx-lm's name, whether the matrix is transposed).
_PEFT_NAMES = {
    "lora_A.weight": ("lora_a", True),
    "lora_B.weight": ("lora_b", True),
    "lora_embedding_A": ("lora_a", True),
    "lora_embedding_B": ("lora_b", True),
    "lora_magnitude_vector": ("m", False),
    "lora_magnitude_vector.weight": ("m", False),
}
_PEFT_PREFIX = "base_model.model."


@dataclass(frozen=True)
class BasePrecision:
    """How the base model of an adapter is quantized."""

    quantization: str = UNPACKED
    double: bool = False  # whether the scales are quantized too
    source: str = "as in training"  # who decided: the training, or the person ("as asked")

    @property
    def note(self) -> str:
        """A sentence for people; "" where the base is not quantized here."""
        if self.quantization == UNPACKED:
            return ""
        packed = f"{self.quantization}{' with packed scales' if self.double else ''}"
        return f"The base is packed as {packed}, {self.source}."


def read_base_precision(folder: Path) -> BasePrecision:
    """How the base was quantized when the adapter of a folder was trained.

    Raises BadModel for a folder without a readable adapter_config.json, or with an unknown quantization in it.
    """
    saved = _read_config(folder).get("base_precision")
    if not isinstance(saved, dict):
        return BasePrecision()
    mode, double = saved.get("quantization", UNPACKED), saved.get("double_quantization", False)
    if mode not in (UNPACKED, *MODES) or not isinstance(double, bool):
        raise BadModel(f"The adapter in {folder} was trained over a base packed as {mode!r}, which is not known here.")
    return BasePrecision(mode, double)


def choose_base_precision(folder: str | Path | None, requested: str | None) -> BasePrecision:
    """How to quantize the base of an adapter (folder None: no adapter): as requested, else as it was in training.

    Raises BadModel as `read_base_precision` does.
    """
    if requested is not None:
        return BasePrecision(requested, source="as asked")
    return BasePrecision() if folder is None else read_base_precision(Path(folder))


def read(folder: Path) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) of an adapter folder in mlx-lm's format or PEFT's, both in mlx-lm's terms.

    The layers of a PEFT adapter keep PEFT's names, see `match_layer_names`. Raises BadModel where files are missing
    or broken, and for adapters of PEFT that are not supported.
    """
    config = _read_config(folder)
    if "peft_type" not in config:
        return config, rank_pattern.from_uniform(_read_tensors(folder, WEIGHTS), config)
    _check_supported(folder, config)
    weights = _rename_tensors(folder, _read_tensors(folder, PEFT_WEIGHTS))
    return _convert_peft_config(folder, config, sorted({key.rpartition(".")[0] for key in weights})), weights


def match_layer_names(names: Iterable[str], model_names: set[str]) -> dict[str, str]:
    """{saved name: name in this model} of layers, where transformers has another prefix for the same layer.

    A name that the model has, or for which there is not exactly one candidate, stays as it is.
    """
    names_by_suffix: dict[str, list[str]] = {}
    for name in model_names:
        names_by_suffix.setdefault(_layer_suffix(name), []).append(name)
    matches = {}
    for name in names:
        candidates = names_by_suffix.get(_layer_suffix(name), [])
        matches[name] = candidates[0] if name not in model_names and len(candidates) == 1 else name
    return matches


def _layer_suffix(name: str) -> str:
    """What two names of the same layer have in common."""
    _, separator, inner_name = name.partition("layers.")
    return separator + inner_name if separator else name.rpartition(".")[2]


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {CONFIG} is missing.") from None
    except (OSError, ValueError) as error:
        raise BadModel(f"The adapter in {folder} cannot be read: {str(error).strip().splitlines()[0]}.") from None
    if not isinstance(config, dict):
        raise BadModel(f"The adapter in {folder} cannot be read: it is neither in mlx-lm's format nor in PEFT's.")
    return config


def _read_tensors(folder: Path, name: str) -> dict[str, mx.array]:
    try:
        weights = mx.load(str(folder / name))
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {name} is missing.") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(f"The adapter in {folder} cannot be read: {str(error).strip().splitlines()[0]}.") from None
    if not isinstance(weights, dict):
        raise BadModel(f"The adapter in {folder} cannot be read: {name} holds no named tensors.")
    return weights


def _check_supported(folder: Path, peft_config: dict[str, Any]) -> None:
    """Raises BadModel for a PEFT adapter that holds what mlx-lm's kinds of adapters cannot."""
    if peft_config["peft_type"] != "LORA":
        raise BadModel(f"The adapter in {folder} is of PEFT's kind {peft_config['peft_type']}, which is not supported.")
    if peft_config.get("modules_to_save"):
        names = " and ".join(peft_config["modules_to_save"])
        raise BadModel(
            f"The PEFT adapter in {folder} holds {names} whole beside its adapters (modules_to_save), and here only "
            "adapters can be trained beside a frozen model: merge it in PEFT (merge_and_unload), and give the result "
            "as the model."
        )
    for key, feature in (
        ("target_parameters", "adapters on bare parameters"),
        ("layer_replication", "replicated layers"),
    ):
        if peft_config.get(key):
            raise BadModel(f"The PEFT adapter in {folder} has {feature} ({key}), which is not supported.")
    if peft_config.get("bias", "none") != "none":
        raise BadModel(f"The PEFT adapter in {folder} trains biases, which is not supported.")


def _convert_peft_config(folder: Path, peft_config: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """PEFT's adapter_config.json in mlx-lm's terms, for layers of these names. Raises BadModel where it is broken."""
    rslora = bool(peft_config.get("use_rslora"))
    try:
        layers = rank_pattern.from_peft(peft_config, names, rslora=rslora)
        common = rank_pattern.common_rank_scale(layers)
        alpha = float(peft_config["lora_alpha"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError, re.error):
        raise BadModel(f"The PEFT adapter in {folder} does not say its rank and alpha.") from None
    return {
        "model": peft_config.get("base_model_name_or_path"),
        "fine_tune_type": "dora" if peft_config.get("use_dora") else "lora",
        "lora_parameters": {**common._asdict(), "dropout": float(peft_config.get("lora_dropout") or 0.0)},
        "lora_alpha": alpha,
        "use_rslora": rslora,
        **rank_pattern.describe_exceptions(layers),
    }


def _rename_tensors(folder: Path, weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """PEFT's tensors under mlx-lm's names and in its orientation. Raises BadModel for others than LoRA's and DoRA's."""
    tensors = {}
    for key, value in weights.items():
        name = key.removeprefix(_PEFT_PREFIX)
        if name.endswith(".base_layer.weight"):
            continue  # PEFT saves the frozen embeddings together with their adapter
        suffix = next((suffix for suffix in _PEFT_NAMES if name.endswith(f".{suffix}")), None)
        if suffix is None:
            raise BadModel(f"The PEFT adapter in {folder} holds {key}, which is no part of a LoRA or DoRA adapter.")
        tensor_name, transposed = _PEFT_NAMES[suffix]
        tensors[f"{name.removesuffix(suffix)}{tensor_name}"] = value.T if transposed else value.reshape(-1)
    return tensors
