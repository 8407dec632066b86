"""Load a model through mlx-lm, with the mistakes that people make said in one sentence each."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel
from core.model.families import UNTRIED, describe_support
from core.model.hub import find_missing_files
from core.quant import (
    MODES,
    PackedExperts,
    PackedLinear,
    files,
    is_packed,
    kernels,
    quantize_model,
    replace_quantized_layers,
)
from core.quant.model import QuantizationSummary
from core.quant.modes import UNPACKED
from core.quant.packed import Packed

OWN = tuple(name for name, mode in MODES.items() if not mode.mlx)  # the formats with kernels of our own
DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}


@dataclass
class LoadedModel:
    """A model in memory, on the thread that loaded it."""

    model: nn.Module
    tokenizer: Any  # transformers' tokenizer
    config: dict[str, Any]  # config.json
    folder: Path
    precision: dict[str, Any]  # {requested, used, detail, reason, compute, bits, block, double}
    compute: str  # "float32", "bfloat16" or "float16"
    notes: list[str] = field(default_factory=list)  # what a person should know, a sentence each


def load(
    folder: Path,
    dtype: str = "auto",
    *,
    device: str,
    trains_all: bool = False,
    allow_code: bool = False,
    quantization: str = UNPACKED,
    double: bool = False,
) -> LoadedModel:
    """Load config, weights and tokenizer from a model folder, in the precision asked for.

    `device` is what computes ("cpu" or "gpu"), because "auto" means float32 on a CPU; `trains_all` says
    that every weight will be trained, for which "auto" means float32 too. `quantization` is one of
    core.quant.MODES: weights are read and packed one layer at a time, so that never more than the packed model
    and one layer are in memory; `double` packs the scales of nf4 and fp4 too. Raises BadModel and BadOption.
    """
    config = read_config(folder)
    lacking = [name for name in find_missing_files(folder) if name != "config.json"]
    if lacking:
        raise BadModel(f"{folder} has no complete weights: {', '.join(lacking[:3])} is missing.")
    if config.get("model_file") and not allow_code:
        raise BadModel(
            f"{folder} wants to run its own Python code ({config['model_file']}) to build the model, "
            "which is not allowed; allow it with --allow-model-code only if you trust this model."
        )
    model = _build(folder, config, allow_code)
    _read_rope(model, config, folder)
    replace_quantized_layers(
        model
    )  # a model that comes quantized keeps its weights, and trains many times faster on a CPU
    stored = _stored_dtype(model)
    facts = _quantize(model, folder, config, quantization, double) if quantization != UNPACKED else None
    compute, why = _compute(stored, dtype, device, trains_all)
    _cast(model, stored, compute)
    precision, notes = _described(model, config, dtype, compute, why, facts)
    if device == "gpu" and precision["used"] in OWN and kernels.unavailable_reason():
        notes.append(
            f"The quick kernels for packed weights are not used: {kernels.unavailable_reason()}; it takes longer."
        )
    level, sentence = describe_support(config["model_type"])
    if level == UNTRIED:
        notes.append(sentence)
    tokenizer = load_tokenizer(folder)
    return LoadedModel(model, tokenizer, config, folder, precision, compute, notes)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder. Raises BadModel when it is missing or broken."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadModel(f"{folder} is no model folder: it has no config.json.") from None
    except (OSError, ValueError) as error:
        raise BadModel(f"{path} cannot be read as JSON: {error}.") from None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise BadModel(f"{path} does not name a model_type.")
    return config


def _build(folder: Path, config: dict[str, Any], allow_code: bool) -> nn.Module:
    from mlx_lm.utils import load_model

    kind = config["model_type"]
    try:
        # Some mlx-lm model files call exit() on import when an extra package is missing.
        wanted = {"lazy": True, "model_config": _rope(config), "trust_remote_code": allow_code}
        if (config.get("quantization_config") or {}).get("quant_method") == files.METHOD:
            return _from_bitsandbytes(folder, wanted)
        model, _ = load_model(folder, **wanted)
        return model
    except SystemExit:
        raise BadModel(f"{folder}: mlx-lm cannot load the architecture {kind} without an extra package.") from None
    except ValueError as error:
        if "not supported" in str(error) and kind in str(error):
            raise BadModel(f"{folder}: the architecture {kind} is not supported by the installed mlx-lm.") from None
        raise BadModel(f"{folder} cannot be loaded: {_first_line(error)}") from None
    except (KeyError, TypeError, RuntimeError) as error:
        # What mlx-lm and safetensors raise for a config that lacks a key, or a damaged weight file.
        raise BadModel(f"{folder} cannot be loaded: {type(error).__name__}: {_first_line(error)}") from None


def _from_bitsandbytes(folder: Path, wanted: dict[str, Any]) -> nn.Module:
    """A model whose files are in bitsandbytes' layout, which mlx-lm does not know: its packed layers stay packed."""
    from mlx_lm.utils import _get_classes, load_model

    packed: dict[str, Packed] = {}

    def classes(config: dict[str, Any]) -> tuple[Any, Any]:
        kind, arguments = _get_classes(config)

        def sanitize(self: Any, weights: dict[str, mx.array]) -> dict[str, mx.array]:
            # Each packed weight goes through as the matrix it stands for, which nobody ever evaluates.
            plain, found = files.split_packed(weights)
            packed.update(found)
            return kind.sanitize(self, plain) if hasattr(kind, "sanitize") else plain

        return type(kind.__name__, (kind,), {"sanitize": sanitize, "__module__": kind.__module__}), arguments

    model, _ = load_model(folder, get_model_classes=classes, **wanted)
    files.insert_packed_layers(model, packed)
    return model


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Settings to add for model classes that look for the rotary settings where transformers < 5 wrote them.

    transformers 5 writes them inside rope_parameters, by kind of layer where there are several; a class that reads
    only `rope_theta` (mlx-lm's Llama) would compute with its default base frequency and give quite different logits.
    """
    text = config.get("text_config")
    extra = {"text_config": text | _rope(text)} if isinstance(text, dict) else {}
    inside = config.get("rope_parameters")
    if not isinstance(inside, dict):
        return extra
    whole, near = inside.get("full_attention", inside), inside.get("sliding_attention")
    if isinstance(near, dict) and "rope_theta" in near and "rope_local_base_freq" not in config:
        extra["rope_local_base_freq"] = near["rope_theta"]
    if not isinstance(whole, dict) or not isinstance(whole.get("rope_theta"), int | float):
        return extra
    if "rope_theta" not in config:
        extra["rope_theta"] = whole["rope_theta"]
    scaled = whole.get("rope_type", whole.get("type", "default")) not in (None, "default")
    if scaled and config.get("rope_scaling") is None:
        extra["rope_scaling"] = {k: v for k, v in whole.items() if k != "rope_theta"}
    return extra


def _read_rope(model: nn.Module, config: dict[str, Any], folder: Path) -> None:
    """Raises BadModel where the model turns its positions by another base frequency than its config says."""
    config = config | _rope(config)
    config = config.get("text_config", config)
    said = config.get("rope_theta")
    # Classes with a scheme of their own (Llama 3's, YaRN) make their frequencies from more than the base.
    used = {m.base for _, m in model.named_modules() if type(m) is nn.RoPE}
    if isinstance(said, int | float) and used and not any(math.isclose(base, said) for base in used):
        raise BadModel(
            f"{folder} asks for rotary positions with base {said:g}, but mlx-lm's class for {config.get('model_type')} "
            f"uses {min(used):g}: it would give wrong answers."
        )


def _quantize(model: nn.Module, folder: Path, config: dict[str, Any], mode: str, double: bool) -> QuantizationSummary:
    if any(is_packed(m) for _, m in model.named_modules()):
        raise BadModel(f"{folder} is already quantized ({_packing(config)}): leave quantization at none to use it so.")
    return quantize_model(model, mode, double=double)


def _compute(stored: str, dtype: str, device: str, trains_all: bool) -> tuple[str, str]:
    """(what it computes in, why)."""
    if dtype != "auto":
        return dtype, "as asked"
    if device == "cpu":
        return "float32", "float32 is the fastest precision on a CPU"
    if trains_all:
        return "float32", "every weight is trained, and small corrections vanish in 16 bit"
    return stored, "the model's own"


def _cast(model: nn.Module, stored: str, used: str) -> None:
    """Bring floating-point weights to what it computes in; of packed layers even the scales stay as they are."""
    if used != stored:
        target = DTYPES[used]
        model.update(tree_map(lambda p: p.astype(target) if mx.issubdtype(p.dtype, mx.floating) else p, _dense(model)))


def _described(
    model: nn.Module, config: dict[str, Any], dtype: str, compute: str, why: str, facts: QuantizationSummary | None
) -> tuple[dict[str, Any], list[str]]:
    """(the precision requested, used, in detail and why, for resolved.json; what a person should know beside it)."""
    if facts is None and not any(is_packed(m) for _, m in model.named_modules()):
        about = {"bits": 8 * DTYPES[compute].size, "block": None, "double": False}
        return {"requested": dtype, "used": compute, "detail": compute, "reason": why, "compute": compute, **about}, []
    computes = f"computes in {compute} ({why})"
    own = next((m for _, m in model.named_modules() if isinstance(m, PackedLinear | PackedExperts)), None)
    if facts is None and own is not None:
        about = {"bits": own.bits, "block": MODES[own.mode].block, "double": own.double}
        reason = f"the model is already quantized; it {computes}"
        detail = _how(MODES[own.mode].title, about)
        used = {"requested": "auto", "used": own.mode, "detail": detail, "reason": reason}
        return {**used, "compute": compute, **about}, []
    if facts is None:
        packed, name = config.get("quantization") or {}, _packing(config)
        about = {"bits": packed.get("bits"), "block": packed.get("group_size"), "double": False}
        reason = f"the model is already quantized; it {computes}"
        return {"requested": "auto", "used": name, "detail": name, "reason": reason, "compute": compute, **about}, []
    about = {name: getattr(facts, name) for name in ("bits", "block", "double")}
    detail = _how(facts.title, about)
    asked = {"requested": facts.mode, "used": facts.mode, "detail": detail, "reason": f"as asked; it {computes}"}
    return {**asked, "compute": compute, **about, "layers": facts.layers}, unpacked_notes(facts)


def stored_dtype(folder: Path) -> str:
    """The precision in which a model folder holds most of its weights."""
    counts: dict[str, int] = {}
    names = {v: k for k, v in DTYPES.items()}
    for file in sorted(folder.glob("model*.safetensors")):
        for value in mx.load(str(file)).values():
            if value.dtype in names:
                counts[names[value.dtype]] = counts.get(names[value.dtype], 0) + value.size
    return max(counts, key=lambda k: counts[k]) if counts else "float32"


def _how(title: str, about: dict[str, Any]) -> str:
    block = f"blocks of {about['block']}" if about["block"] else "a scale for each row"
    return f"{title}, {block}{', scales packed too' if about['double'] else ''}"


def unpacked_notes(facts: QuantizationSummary) -> list[str]:
    """A sentence for each reason why quantize_model left layers that people expect to be packed."""
    expected = ("embeddings", "it is left", "it stands outside")
    counts = Counter(why for why in facts.unpacked.values() if not why.startswith(expected))
    return [f"{n} of {n + facts.layers} layers stay unpacked: {why}." for why, n in counts.items()]


def _packing(config: dict[str, Any]) -> str:
    """How a model that comes quantized is packed, by its config."""
    packed = config.get("quantization") or config.get("quantization_config") or {}
    if packed.get("quant_method") == files.METHOD:
        return "int8" if packed.get("load_in_8bit") else str(packed.get("bnb_4bit_quant_type", "4 bit"))
    bits, group = packed.get("bits"), packed.get("group_size")
    name = str(packed.get("mode", packed.get("quant_method", "affine")))
    return f"{name} {bits} bit, group {group}" if bits and group else name


def _dense(model: nn.Module) -> dict[str, Any]:
    """The parameters of all modules that are not quantized."""
    packed = tuple(name for name, m in model.named_modules() if is_packed(m))
    kept = [(k, v) for k, v in tree_flatten(model.parameters()) if k.rpartition(".")[0] not in packed]
    return tree_unflatten(kept) if kept else {}


def _stored_dtype(model: nn.Module) -> str:
    names = {v: k for k, v in DTYPES.items()}
    counts: dict[str, int] = {}
    for _, value in tree_flatten(model.parameters()):
        if value.dtype in names:
            counts[names[value.dtype]] = counts.get(names[value.dtype], 0) + value.size
    return max(counts, key=lambda k: counts[k]) if counts else "float32"


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or ["no further detail"])[0].rstrip(":")
    return text if text.endswith(".") else text + "."
