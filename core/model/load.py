"""Load a model folder through mlx-lm, and say its mistakes in a sentence each."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from core import trust
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel
from core.model.build import build_model
from core.model.check_folder import check_weights, read_config
from core.model.config_names import check_rope
from core.model.families import UNTRIED, describe_support, find_family
from core.model.few_layers import allow_few_layers
from core.model.gemma3_scale import scale_exactly
from core.model.precision import (
    DTYPES,
    choose_compute,
    describe_precision,
    describe_quantization,
    most_common_dtype,
    quantization_name,
    unpacked_notes,
)
from core.model.sharding import NONE, Sharding, build_sharded, count_bytes, read_by_blocks
from core.model.target_names import OUTSIDE_BLOCKS
from core.model.tied_head import unused_head_note
from core.quant import (
    MODES,
    QuantizationSummary,
    is_packed,
    kernels,
    quantize_model,
    replace_quantized_layers,
)
from core.quant.modes import UNPACKED
from core.resolved import Precision
from core.text.sentence import say

KERNEL_MODES = tuple(name for name, mode in MODES.items() if not mode.mlx)  # the formats with kernels of Hone's own


@dataclass
class LoadedModel:
    """A model in memory, on the thread that loaded it."""

    model: nn.Module
    tokenizer: Any  # transformers' tokenizer
    config: dict[str, Any]  # config.json
    folder: Path
    precision: Precision
    compute: str  # "float32", "bfloat16" or "float16"
    notes: list[str] = field(default_factory=list)  # warnings for the user, a sentence each
    sharding: str = NONE  # how it is parted over several ranks


def load(
    folder: Path,
    dtype: str = "auto",
    *,
    device: str,
    trains_all: bool = False,
    allow_code: bool = False,
    quantization: str = UNPACKED,
    double: bool = False,
    sharding: Sharding | None = None,
    room: int | None = None,
) -> LoadedModel:
    """Load config, weights and tokenizer from a model folder, in the precision asked for.

    Arguments:
        folder: a model folder in the Hugging Face layout.
        dtype: what the model computes in: a key of DTYPES, or "auto": float32 on a CPU and where every weight is
            trained, else the dtype of the files.
        device: "cpu" or "gpu".
        trains_all: whether every weight will be trained.
        allow_code: a yes to the model's own Python code as it is now (core.trust).
        quantization: one of core.quant.MODES. Weights are read and packed one layer at a time, so that never more
            than the packed model and one layer are in memory.
        double: whether the scales of nf4 and fp4 are packed too.
        sharding: how the model is parted over several ranks, which all call this; None for a whole model.
        room: bytes that the weights of a whole model may take; None for any.

    Raises BadModel and BadOption, both before a weight is read.
    """
    config = read_config(folder)
    check_weights(folder, config)
    _refuse_wrong_numbers(config["model_type"], device)
    code = trust.model_code(folder, config)
    if code is not None:
        trust.require(code, allow_code)
    build = functools.partial(_build, folder, config, code is not None)

    def bytes_needed(model: nn.Module) -> float:
        file_dtype = most_common_dtype(value for _, value in tree_flatten(model.parameters()))
        compute, _ = choose_compute(file_dtype, dtype, device, trains_all)
        packed_bits = MODES[quantization].bits if quantization != UNPACKED else None
        return count_bytes(model, DTYPES[compute].size, packed_bits)

    model, way = build_sharded(build, sharding, bytes_needed, quantization) if sharding else (build(), NONE)
    if room is not None and sharding is None:
        _check_room(folder, bytes_needed(model), room)
    # A model that comes quantized keeps its weights, and trains many times faster on a CPU.
    replace_quantized_layers(model)
    file_dtype = most_common_dtype(value for _, value in tree_flatten(model.parameters()))
    summary = _quantize(model, folder, config, quantization, double) if quantization != UNPACKED else None
    compute, reason = choose_compute(file_dtype, dtype, device, trains_all)
    _cast(model, file_dtype, compute)
    if summary is None:
        precision = describe_precision(model, config, dtype, compute, reason)
    else:
        precision = describe_quantization(summary, compute, reason)
    notes = _find_notes(model, folder, config, device, precision, summary)
    if way != NONE:
        read_by_blocks(model)
    tokenizer = load_tokenizer(folder)
    return LoadedModel(model, tokenizer, config, folder, precision, compute, notes, way)


def _refuse_wrong_numbers(model_type: str, device: str) -> None:
    """Raise BadModel for a family that MLX computes wrongly on this GPU."""
    family = find_family(model_type)
    if family is not None and family.wrong_on_cuda and device == "gpu" and mx.cuda.is_available():
        raise BadModel(
            say(
                "{title} cannot be used on a CUDA GPU: {reason}. Use --backend cpu.",
                title=family.title,
                reason=family.wrong_on_cuda,
            )
        )


def _build(folder: Path, config: dict[str, Any], with_own_code: bool) -> nn.Module:
    """The model of a folder with mlx-lm's mistakes mended, its weights unread."""
    model = build_model(folder, config, with_own_code)
    check_rope(model, config, folder)
    allow_few_layers(model)
    scale_exactly(model)
    return model


def _find_notes(
    model: nn.Module,
    folder: Path,
    config: dict[str, Any],
    device: str,
    precision: Precision,
    summary: QuantizationSummary | None,
) -> list[str]:
    """What is other than a person expects of a model that was loaded so, a sentence each."""
    notes = unpacked_notes(summary) if summary else []
    unavailable = kernels.unavailable_reason() if device == "gpu" and precision.used in KERNEL_MODES else ""
    if unavailable:
        notes.append(
            say(
                "The quick kernels for packed weights are not used: {unavailable}; it takes longer.",
                unavailable=unavailable,
            )
        )
    if not _has_head(model) and (note := unused_head_note(folder)):
        notes.append(note)
    level, sentence = describe_support(config["model_type"])
    if level == UNTRIED:
        notes.append(sentence)
    return notes


def _check_room(folder: Path, needed: float, room: int) -> None:
    if needed > room:
        raise BadModel(
            say(
                "The weights of {name} take {needed:.1f} GB, and this machine can use {usable:.1f} GB. It can be "
                "parted over several machines on the command line: hone chat, hone eval, or hone serve for other "
                "programs, with --hosts.",
                name=folder.name,
                needed=needed / 1e9,
                usable=room / 1e9,
            )
        )


def _has_head(model: nn.Module) -> bool:
    """Whether the model has an output layer apart from its embeddings."""
    return any(name.rpartition(".")[2] in OUTSIDE_BLOCKS["head"] for name, _ in model.named_modules())


def _quantize(model: nn.Module, folder: Path, config: dict[str, Any], mode: str, double: bool) -> QuantizationSummary:
    if any(is_packed(m) for _, m in model.named_modules()):
        name = quantization_name(config)
        raise BadModel(
            say(
                "{folder} is already quantized ({name}): leave quantization at none to use it so.",
                folder=folder,
                name=name,
            )
        )
    return quantize_model(model, mode, double=double)


def _cast(model: nn.Module, file_dtype: str, compute: str) -> None:
    """Bring floating-point weights to the dtype to compute in; packed layers stay as they are, even their scales."""
    if compute != file_dtype:
        dtype, dense = DTYPES[compute], _dense_parameters(model)
        model.update(tree_map(lambda p: p.astype(dtype) if mx.issubdtype(p.dtype, mx.floating) else p, dense))


def _dense_parameters(model: nn.Module) -> dict[str, Any]:
    """The parameters of all modules that are not quantized."""
    packed = tuple(name for name, m in model.named_modules() if is_packed(m))
    dense = [(k, v) for k, v in tree_flatten(model.parameters()) if k.rpartition(".")[0] not in packed]
    return tree_unflatten(dense) if dense else {}
