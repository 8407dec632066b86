"""Adapter folders on disk: mlx-lm's format, which Hone writes, and PEFT's, which is read in mlx-lm's terms."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import rank_pattern
from core.errors import BadModel
from core.json_file import read_json
from core.model.weight_files import read_header
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
LARGEST_CONFIG = 4 << 20  # bytes of adapter_config.json
# What the values in adapter_config.json have to be, where they are there.
_KINDS: dict[str, type] = {
    "model": str, "base_model_name_or_path": str, "fine_tune_type": str, "peft_type": str, "lora_parameters": dict,
    "rank_pattern": dict, "alpha_pattern": dict, "modules_to_save": list, rank_pattern.KEY: dict,
}  # fmt: skip
_FLOATS = ("F32", "BF16", "F16")
_BASE_LAYER = ".base_layer.weight"
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


# Ways to start an adapter for which PEFT takes a part out of the base model, which is then another one.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


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
        weights = _read_tensors(folder, WEIGHTS)
        try:
            return config, rank_pattern.from_uniform(weights, config)
        except BadModel as error:
            raise BadModel(f"{folder / CONFIG} {error}.") from None
    _check_supported(folder, config)
    weights = _rename_tensors(folder, _read_tensors(folder, PEFT_WEIGHTS))
    return _convert_peft_config(folder, config, sorted({key.rpartition(".")[0] for key in weights})), weights


def read_base_layers(folder: Path) -> dict[str, mx.array]:
    """{layer: weight} of the base's own layers that an adapter folder of PEFT holds: it saves embeddings together with
    their adapter. The layers have PEFT's names, see `match_layer_names`. Raises BadModel."""
    if "peft_type" not in _read_config(folder):
        return {}
    names = {key: key.removeprefix(_PEFT_PREFIX) for key in read_header(folder / PEFT_WEIGHTS)}
    names = {key: name.removesuffix(_BASE_LAYER) for key, name in names.items() if name.endswith(_BASE_LAYER)}
    weights = _read_tensors(folder, PEFT_WEIGHTS) if names else {}
    return {name: weights[key] for key, name in names.items()}


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
        config = read_json(folder / CONFIG, LARGEST_CONFIG)
    except FileNotFoundError:
        raise BadModel(f"{folder} holds no adapter: {CONFIG} is missing.") from None
    for key, kind in _KINDS.items():
        if not isinstance(config.get(key), kind | None):
            raise BadModel(f"{folder / CONFIG}: {key} is {str(config[key])[:40]!r}, which it cannot be.")
    return config


def _read_tensors(folder: Path, name: str) -> dict[str, mx.array]:
    path = folder / name
    if not path.is_file():
        pickled = next((f.name for pattern in ("*.bin", "*.pt", "*.npz") for f in sorted(folder.glob(pattern))), None)
        other = next((f.name for f in sorted(folder.glob("*.safetensors"))), None)
        reason = f"{name} is missing"
        if pickled:
            reason = f"it has its weights as {pickled} only, and {name} is needed: other formats can run code"
        elif other:
            reason += f" (there is {other}, which has another name)"
        raise BadModel(f"{folder} holds no adapter that can be read: {reason}.")
    header = read_header(path)
    odd = next((key for key, info in header.items() if info.dtype not in _FLOATS), None)
    if odd:
        raise BadModel(f"{path} holds {odd[:80]} as {header[odd].dtype}; an adapter is F32, BF16 or F16.")
    try:
        weights: dict[str, mx.array] = mx.load(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(f"{path} cannot be read: {str(error).strip().splitlines()[0][:200]}.") from None
    if not weights:
        raise BadModel(f"The adapter in {folder} is empty.")
    return weights


def _check_supported(folder: Path, peft_config: dict[str, Any]) -> None:
    """Raises BadModel for a PEFT adapter that holds what mlx-lm's kinds of adapters cannot."""
    kind = str(peft_config["peft_type"])[:40]
    if kind != "LORA":
        raise BadModel(f"The adapter in {folder} is of PEFT's kind {kind}, which is not supported: LoRA and DoRA are.")
    if peft_config.get("modules_to_save"):
        names = " and ".join(map(str, peft_config["modules_to_save"]))[:80]
        raise BadModel(
            f"The PEFT adapter in {folder} holds {names} whole beside its adapters (modules_to_save), and here only "
            "adapters can be trained beside a frozen model: merge it in PEFT (merge_and_unload), and give the result "
            "as the model."
        )
    init = str(peft_config.get("init_lora_weights", "")).lower()
    way = next((way for way in _CHANGES_BASE if init.startswith(way)), None)
    if way:
        raise BadModel(
            f"The PEFT adapter in {folder} was started as {way}, which changes the base model's "
            "weights too: on the plain base it would answer wrongly. Convert it in PEFT (save_pretrained with "
            "path_initial_model_for_weight_conversion), or merge it there."
        )
    for key, feature in (
        ("use_qalora", "pooled inputs (QA-LoRA)"),
        ("alora_invocation_tokens", "an activation by tokens (aLoRA)"),
        ("trainable_token_indices", "trained single tokens"),
        ("target_parameters", "adapters on bare parameters"),
        ("layer_replication", "replicated layers"),
        ("arrow_config", "a routing between adapters (Arrow)"),
        ("use_bdlora", "matrices in blocks (BD-LoRA)"),
        ("kasa_config", "singular values of its own (KaSA)"),
        ("monteclora_config", "weights drawn by chance (MonteCLoRA)"),
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
        dropout = float(peft_config.get("lora_dropout") or 0.0)
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError, re.error):
        raise BadModel(f"The PEFT adapter in {folder} does not say its rank and alpha, or not as PEFT does.") from None
    return {
        "model": peft_config.get("base_model_name_or_path"),
        "fine_tune_type": "dora" if peft_config.get("use_dora") else "lora",
        "lora_parameters": {**common._asdict(), "dropout": dropout},
        "lora_alpha": alpha,
        "use_rslora": rslora,
        **rank_pattern.describe_exceptions(layers),
    }


def _rename_tensors(folder: Path, weights: dict[str, mx.array]) -> dict[str, mx.array]:
    """PEFT's tensors under mlx-lm's names and in its orientation. Raises BadModel for others than LoRA's and DoRA's."""
    tensors = {}
    for key, value in weights.items():
        name = key.removeprefix(_PEFT_PREFIX)
        if name.endswith(_BASE_LAYER):
            continue
        suffix = next((suffix for suffix in _PEFT_NAMES if name.endswith(f".{suffix}")), None)
        if suffix is None:
            raise BadModel(f"The PEFT adapter in {folder} holds {key}, which is no part of a LoRA or DoRA adapter.")
        tensor_name, transposed = _PEFT_NAMES[suffix]
        tensors[f"{name.removesuffix(suffix)}{tensor_name}"] = value.T if transposed else value.reshape(-1)
    return tensors
