"""A model in fewer bits, as a model folder of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.device.select import fallback_note, select
from core.errors import BadModel, BadOption
from core.events import Event, Phase, Saved, Warned
from core.export.model_folder import (
    SHARD_BYTES,
    SizedTensor,
    copy_other_files,
    free_folder,
    replacing_folder,
    write_weights,
)
from core.export.weights import constant
from core.model import hub
from core.model.check_folder import read_config
from core.model.load import load
from core.model.precision import stored_dtype, unpacked_notes
from core.quant import MODES, PackedExperts, PackedLinear, files, is_packed, quantize_model
from core.quant.modes import UNPACKED, find_mode
from core.text.sentence import say


def quantize(
    model: str,
    output: str | Path,
    quantization: str,
    *,
    double: bool = False,
    shard_bytes: int = SHARD_BYTES,
    backend_name: str = "auto",
    allow_code: bool = False,
) -> Iterator[Event]:
    """Quantize a model and write it as a model folder, which appears whole or not at all, once it could be loaded.

    Arguments:
        model: a folder or a Hugging Face id, in full precision.
        output: the folder to write; new or empty.
        quantization: one of core.quant.MODES: MLX's own formats for Hone and mlx-lm; nf4, fp4 and int8 in
            bitsandbytes' layout for Hone and transformers.
        double, shard_bytes, backend_name, allow_code: as in core.export.fuse().

    Yields Phase and Warned events, and Saved with the folder at the end. Raises UserError.
    """
    target = free_folder(output)
    if quantization == UNPACKED:
        raise BadOption(say("Say what to pack it as: {modes}.", modes=", ".join(MODES)))
    find_mode(quantization, double)
    chosen = select(backend_name)
    device = chosen["used"]
    if note := fallback_note(chosen):
        yield Warned("backend", note)
    source = yield from hub.fetch(model)
    yield Phase("Loading model", str(source))
    with replacing_folder(target) as partial:
        yield from write_quantized(source, partial, quantization, double, device, shard_bytes, allow_code)
        yield Phase("Checking", str(target))
        load(partial, device=device, allow_code=allow_code)
    yield Saved(0, str(target), "model")


def write_quantized(
    source: Path, folder: Path, mode: str, double: bool, device: str, shard_bytes: int, allow_code: bool
) -> Iterator[Event]:
    """Quantize the model of `source` into `folder`; its weights are read and packed one layer at a time.

    Yields Phase and Warned events. Raises BadModel where its weights are packed already.
    """
    dtype = stored_dtype(source)
    loaded = load(source, dtype, device=device, allow_code=allow_code)
    if any(is_packed(m) for _, m in loaded.model.named_modules()):
        raise BadModel(say("{source} is already quantized; give the model in full precision.", source=source))
    yield Phase("Packing", mode)
    summary, spec = quantize_model(loaded.model, mode, double=double), MODES[mode]
    for note in unpacked_notes(summary):
        yield Warned("base-precision", note)
    if spec.mlx:
        packing: dict[str, Any] = {"group_size": spec.block, "bits": spec.bits, "mode": spec.mlx}
        settings = {"quantization": packing, "quantization_config": packing}
    else:
        settings = {"quantization_config": files.quantization_config(mode, double, dtype, sorted(summary.unpacked))}
    values = _quantized_tensors(loaded.model, dtype)
    tensors = {name: SizedTensor(value.nbytes, constant(value)) for name, value in values.items()}
    write_weights(folder, tensors, read_config(source) | settings, shard_bytes, "mlx" if spec.mlx else "pt")
    copy_other_files(source, folder, None)


def _quantized_tensors(model: nn.Module, dtype: str) -> dict[str, mx.array]:
    """The model's tensors by name; those of layers in bitsandbytes' formats are in its layout."""
    layers = {n: m for n, m in model.named_modules() if isinstance(m, PackedLinear | PackedExperts)}
    tensors = {}
    for name, value in tree_flatten(model.parameters()):
        owner, _, leaf = name.rpartition(".")
        if owner not in layers or leaf == "bias":
            tensors[name] = value
    for name, layer in layers.items():
        tensors |= files.packed_tensors(name, layer, dtype)
    return tensors
