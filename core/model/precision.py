"""The precision that a model is held and computed in: what is chosen, and what is said of it."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.model.weight_files import weight_files
from core.quant import MODES, PackedExperts, PackedLinear, QuantizationSummary, files, is_packed
from core.resolved import Precision
from core.text.sentence import join, say

DTYPES = {"float32": mx.float32, "bfloat16": mx.bfloat16, "float16": mx.float16}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def stored_dtype(folder: Path) -> str:
    """The dtype in which a model folder holds most of its weights: a key of DTYPES."""
    return most_common_dtype(value for file in weight_files(folder) for value in mx.load(str(file)).values())


def most_common_dtype(values: Iterable[mx.array]) -> str:
    """The dtype of most elements, by the first to come on a tie; "float32" where none is floating-point."""
    sizes: dict[str, int] = {}
    for value in values:
        if value.dtype in DTYPE_NAMES:
            name = DTYPE_NAMES[value.dtype]
            sizes[name] = sizes.get(name, 0) + value.size
    return max(sizes, key=lambda name: sizes[name]) if sizes else "float32"


def choose_compute(file_dtype: str, dtype: str, device: str, trains_all: bool) -> tuple[str, str]:
    """(the dtype to compute in, the reason): `dtype`, which was asked for, or by device and task where that is "auto".

    Dtypes are keys of DTYPES; `file_dtype` is that of the files.
    """
    if dtype != "auto":
        return dtype, say("as asked")
    if device == "cpu":
        return "float32", say("float32 is the fastest precision on a CPU")
    if trains_all:
        return "float32", say("every weight is trained, and small corrections vanish in 16 bit")
    return file_dtype, say("the model's own")


def describe_precision(model: nn.Module, config: dict[str, Any], dtype: str, compute: str, reason: str) -> Precision:
    """The precision of a model that keeps the weights of its files, dense or already quantized."""
    if not any(is_packed(m) for _, m in model.named_modules()):
        return Precision(dtype, compute, compute, reason, compute, 8 * DTYPES[compute].size, None, False)
    reason = say("the model is already quantized; it computes in {compute} ({reason})", compute=compute, reason=reason)
    layer = next((m for _, m in model.named_modules() if isinstance(m, PackedLinear | PackedExperts)), None)
    if layer is not None:
        mode = MODES[layer.mode]
        detail = _describe_format(mode.title, mode.block, layer.double)
        return Precision("auto", layer.mode, detail, reason, compute, layer.bits, mode.block, layer.double)
    packing, name = config.get("quantization") or {}, quantization_name(config)
    return Precision("auto", name, name, reason, compute, packing.get("bits"), packing.get("group_size"), False)


def describe_quantization(summary: QuantizationSummary, compute: str, reason: str) -> Precision:
    """The precision of a model that quantize_model packed while it was loaded."""
    mode, bits, block, double = summary.mode, summary.bits, summary.block, summary.double
    detail = _describe_format(summary.title, block, double)
    reason = say("as asked; it computes in {compute} ({reason})", compute=compute, reason=reason)
    return Precision(mode, mode, detail, reason, compute, bits, block, double, summary.layers)


def _describe_format(title: str, block: int | None, double: bool) -> str:
    scales = say("blocks of {block}", block=block) if block else say("a scale for each row")
    return join([title, scales, *([say("scales packed too")] if double else [])], ", ")


def quantization_name(config: dict[str, Any]) -> str:
    """How a model that comes quantized is packed, by its config: "affine 4 bit, group 64"."""
    packing = config.get("quantization") or config.get("quantization_config") or {}
    if packing.get("quant_method") == files.METHOD:
        return "int8" if packing.get("load_in_8bit") else str(packing.get("bnb_4bit_quant_type", "4 bit"))
    bits, group_size = packing.get("bits"), packing.get("group_size")
    name = str(packing.get("mode", packing.get("quant_method", "affine")))
    return f"{name} {bits} bit, group {group_size}" if bits and group_size else name


def unpacked_notes(summary: QuantizationSummary) -> list[str]:
    """A sentence for each reason why quantize_model left layers that people expect to be packed."""
    expected = ("embeddings", "it is left", "it stands outside")
    counts = Counter(reason for reason in summary.unpacked.values() if not reason.startswith(expected))
    return [
        say("{n} of {total} layers stay unpacked: {reason}.", n=n, total=n + summary.layers, reason=reason)
        for reason, n in counts.items()
    ]
