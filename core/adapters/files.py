"""Adapter folders on disk: mlx-lm's format, which Hone writes, and PEFT's, which is read in mlx-lm's terms."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import from_peft, rank_pattern
from core.errors import BadModel
from core.files.json_file import read_json
from core.model.weight_files import read_header
from core.quant import MODES
from core.quant.modes import UNPACKED
from core.text.sentence import say

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"
PEFT_WEIGHTS = "adapter_model.safetensors"

LARGEST_CONFIG = 4 << 20  # bytes of adapter_config.json
# What the values in adapter_config.json have to be, where they are there.
_KINDS: dict[str, type] = {
    "model": str, "base_model_name_or_path": str, "fine_tune_type": str, "peft_type": str, "lora_parameters": dict,
    "rank_pattern": dict, "alpha_pattern": dict, from_peft.SAVED_MODULES: list, rank_pattern.KEY: dict,
}  # fmt: skip
_FLOATS = ("F32", "BF16", "F16")


@dataclass(frozen=True)
class BasePrecision:
    """How the base model of an adapter is quantized."""

    quantization: str = UNPACKED
    double: bool = False  # whether the scales are quantized too
    source: str = say("as in training")  # who decided: the training, or the person ("as asked")

    @property
    def note(self) -> str:
        """A sentence for people; "" where the base is not quantized here."""
        if self.quantization == UNPACKED:
            return ""
        packed = f"{self.quantization}{' with packed scales' if self.double else ''}"
        return say("The base is packed as {packed}, {source}.", packed=packed, source=self.source)


def read_base_precision(folder: Path) -> BasePrecision:
    """How the base was quantized when the adapter of a folder was trained.

    Raises BadModel for a folder without a readable adapter_config.json, or with an unknown quantization in it.
    """
    saved = _read_config(folder).get("base_precision")
    if not isinstance(saved, dict):
        return BasePrecision()
    mode, double = saved.get("quantization", UNPACKED), saved.get("double_quantization", False)
    if mode not in (UNPACKED, *MODES) or not isinstance(double, bool):
        raise BadModel(
            say(
                "The adapter in {folder} was trained over a base packed as {mode!r}, which is not known here.",
                folder=folder,
                mode=mode,
            )
        )
    return BasePrecision(mode, double)


def choose_base_precision(folder: str | Path | None, requested: str | None) -> BasePrecision:
    """How to quantize the base of an adapter (folder None: no adapter): as requested, else as it was in training.

    Raises BadModel as `read_base_precision` does.
    """
    if requested is not None:
        return BasePrecision(requested, source=say("as asked"))
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
            raise BadModel(say("{path} {error}.", path=folder / CONFIG, error=error)) from None
    from_peft.check_supported(folder, config)
    return from_peft.convert(folder, config, _read_tensors(folder, PEFT_WEIGHTS))


def is_peft(folder: Path) -> bool:
    """Whether an adapter folder is in PEFT's format. Raises BadModel where its adapter_config.json cannot be read."""
    return "peft_type" in _read_config(folder)


def only_for_hone(folder: Path) -> bool:
    """Whether mlx-lm refuses an adapter in its own format: one that holds modules whole, or has an output layer apart
    from the embeddings. Raises BadModel where its adapter_config.json cannot be read."""
    config = _read_config(folder)
    return bool(config.get(from_peft.SAVED_MODULES) or config.get(from_peft.UNTIED_HEAD))


def read_base_layers(folder: Path) -> dict[str, mx.array]:
    """{layer: weight} of the base's own layers that an adapter folder of PEFT holds: it saves embeddings together with
    their adapter. The layers have PEFT's names, see `match_layer_names`. Raises BadModel."""
    if not is_peft(folder):
        return {}
    keys = [key for key in read_header(folder / PEFT_WEIGHTS) if key.endswith(from_peft.BASE_LAYER)]
    names = {key: key.removeprefix(from_peft.PREFIX).removesuffix(from_peft.BASE_LAYER) for key in keys}
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


def missing_adapter(folder: Path) -> BadModel:
    """What there is to say where a folder has no adapter_config.json."""
    if not folder.exists():
        return BadModel(say("There is no folder {folder}.", folder=folder))
    return BadModel(say("{folder} holds no adapter: {config} is missing.", folder=folder, config=CONFIG))


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = read_json(folder / CONFIG, LARGEST_CONFIG)
    except FileNotFoundError:
        raise missing_adapter(folder) from None
    for key, kind in _KINDS.items():
        if not isinstance(config.get(key), kind | None):
            raise BadModel(
                say(
                    "{path}: {key} is {value!r}, which it cannot be.",
                    path=folder / CONFIG,
                    key=key,
                    value=str(config[key])[:40],
                )
            )
    return config


def _read_tensors(folder: Path, name: str) -> dict[str, mx.array]:
    path = folder / name
    if not path.is_file():
        pickled = next((f.name for pattern in ("*.bin", "*.pt", "*.npz") for f in sorted(folder.glob(pattern))), None)
        other = next((f.name for f in sorted(folder.glob("*.safetensors"))), None)
        reason = say("{name} is missing", name=name)
        if pickled:
            reason = say(
                "it has its weights as {pickled} only, and {name} is needed: other formats can run code",
                pickled=pickled,
                name=name,
            )
        elif other:
            reason = reason + say(" (there is {other}, which has another name)", other=other)
        raise BadModel(say("{folder} holds no adapter that can be read: {reason}.", folder=folder, reason=reason))
    header = read_header(path)
    odd = next((key for key, info in header.items() if info.dtype not in _FLOATS), None)
    if odd:
        raise BadModel(
            say(
                "{path} holds {name} as {dtype}; an adapter is F32, BF16 or F16.",
                path=path,
                name=odd[:80],
                dtype=header[odd].dtype,
            )
        )
    try:
        weights: dict[str, mx.array] = mx.load(str(path))
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(say("{path} cannot be read: {reason}.", path=path, reason=error)) from None
    if not weights:
        raise BadModel(say("The adapter in {folder} is empty.", folder=folder))
    return weights
