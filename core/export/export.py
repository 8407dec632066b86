"""Turn a trained adapter into a model of its own, quantize a model, or write an adapter for PEFT.

Each function is a generator of events that ends with Saved; a folder appears whole or not at all. What was written is
loaded again and compared before it counts as done.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core import adapters
from core.adapters import peft
from core.atomic_files import save_tensors
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.device.select import select
from core.errors import BadModel, BadOption
from core.events import Event, Phase, Saved, Warned
from core.export.model_folder import (
    SHARD_BYTES,
    SizedTensor,
    copy_other_files,
    eos_setting,
    free_folder,
    name_stops,
    replacing_folder,
    write_json,
    write_weights,
)
from core.export.verify import check_logits, describe_loss, load_eval_rows, mean_loss, probe_logits
from core.export.weights import HUGGING_FACE, constant, merged_tensors
from core.model import families, hub
from core.model.check_folder import read_config
from core.model.load import DTYPES, LoadedModel, load, stored_dtype, unpacked_notes
from core.quant import MODES, PackedExperts, PackedLinear, files, is_packed, quantize_model
from core.quant.modes import UNPACKED, find_mode
from core.text.sentence import say


def fuse(
    adapter: str | Path,
    output: str | Path,
    *,
    model: str | None = None,
    dtype: str = "auto",
    quantization: str = UNPACKED,
    double: bool = False,
    shard_bytes: int = SHARD_BYTES,
    backend_name: str = "auto",
    allow_code: bool = False,
) -> Iterator[Event]:
    """Merge an adapter into the weights of its base, and write the result as a model folder in Hugging Face's layout.

    A base that was quantized for training is dequantized first, so that nothing of the adapter is lost in rounding.

    Arguments:
        adapter: a run's folder, or an adapter's in mlx-lm's or PEFT's format.
        output: the folder to write; new or empty.
        model: a folder or Hugging Face id to use in place of the base that the adapter names.
        dtype: dtype of the written weights, or "auto": the one that the base's files have.
        quantization: one of core.quant.MODES to quantize the fused model with. The events then tell its loss on
            the run's evaluation rows next to the adapter's.
        double: whether the scales of nf4 and fp4 are quantized too.
        shard_bytes: largest size of a weight file, in bytes; a larger tensor gets a file of its own.
        backend_name: "auto", "gpu" or "cpu".
        allow_code: whether the model's own Python code may run.

    Yields Phase and Warned events, and Saved with the folder at the end. Raises UserError.
    """
    folder, target, quantizes = Path(adapter).expanduser(), free_folder(output), quantization != UNPACKED
    if quantizes:
        find_mode(quantization, double)
    device = select(backend_name)["used"]
    saved, weights = adapters.read(folder)
    source = yield from hub.fetch(model or hub.require_local(_base_model(folder, saved), folder))
    base = adapters.read_base_precision(folder)
    yield Phase("Loading model", str(source))
    loaded = _load_adapted(source, folder, base, device, allow_code)
    for note in loaded.notes:
        yield Warned("base-precision", note)
    logits = probe_logits(loaded)
    rows = (yield from load_eval_rows(folder, loaded.tokenizer)) if quantizes else []
    loss = mean_loss(loaded, rows)

    dtype = dtype if dtype != "auto" else stored_dtype(source)
    trained = set(weights) if saved.get("fine_tune_type") == "full" else set()
    tensors, naming = merged_tensors(loaded.model, source, trained, DTYPES[dtype])
    config = {k: v for k, v in read_config(source).items() if k not in ("quantization", "quantization_config")}
    if note := adapters.untied_note(loaded.model):
        yield Warned("untied-head", note)
        config |= _untied(config)
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = dtype
    stops = find_end_of_turn(loaded.tokenizer).stops
    config |= eos_setting(config, stops)
    with replacing_folder(target) as partial:
        yield Phase("Saving", str(target))
        dense = partial / "dense" if quantizes else partial
        dense.mkdir(exist_ok=True)
        write_weights(dense, tensors, config, shard_bytes, "pt" if naming == HUGGING_FACE else "mlx")
        copy_other_files(source, dense, folder)
        name_stops(dense / "generation_config.json", stops)
        if quantizes:
            yield from _write_quantized(dense, partial, quantization, double, device, shard_bytes, allow_code)
            shutil.rmtree(dense)
        yield Phase("Checking", str(target))
        reloaded = load(partial, "float32" if device == "cpu" else "auto", device=device, allow_code=allow_code)
        if quantizes:
            yield describe_loss(loss, mean_loss(reloaded, rows), quantization)
        else:
            yield check_logits(probe_logits(reloaded), logits, DTYPES[dtype], target)
    family = families.find_family(config["model_type"])
    if naming != HUGGING_FACE and not quantizes and not (family and family.same_names):
        yield Warned(
            "layout",
            say("The tensors have the names of {naming}: other programs may not find all of them.", naming=naming),
        )
    yield Saved(0, str(target), "model")


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
    """Quantize a model and write it as a model folder.

    Arguments:
        model: a folder or a Hugging Face id, in full precision.
        output: the folder to write; new or empty.
        quantization: one of core.quant.MODES: MLX's own formats for Hone and mlx-lm; nf4, fp4 and int8 in
            bitsandbytes' layout for Hone and transformers.
        double, shard_bytes, backend_name, allow_code: as in fuse().

    Yields Phase and Warned events, and Saved with the folder at the end. Raises UserError.
    """
    target = free_folder(output)
    if quantization == UNPACKED:
        raise BadOption(say("Say what to pack it as: {modes}.", modes=", ".join(MODES)))
    find_mode(quantization, double)
    device = select(backend_name)["used"]
    source = yield from hub.fetch(model)
    yield Phase("Loading model", str(source))
    with replacing_folder(target) as partial:
        yield from _write_quantized(source, partial, quantization, double, device, shard_bytes, allow_code)
        yield Phase("Checking", str(target))
        load(partial, device=device, allow_code=allow_code)
    yield Saved(0, str(target), "model")


def to_peft(adapter: str | Path, output: str | Path) -> Iterator[Event]:
    """Write an adapter (a run's folder, or an adapter's) as a folder that PEFT loads; `output` is new or empty.

    Yields Saved with the folder at the end, after a Warned where the base was quantized for training.
    Raises UserError, also for what PEFT has no form for (a fully trained model, experts).
    """
    folder, target = Path(adapter).expanduser(), free_folder(output)
    saved, weights = adapters.read(folder)
    source = hub.locate(hub.find_moved(_base_model(folder, saved), folder))
    config, tensors = peft.convert(saved, weights, read_config(source) if source else {}, folder)
    with replacing_folder(target) as partial:
        save_tensors(partial / adapters.PEFT_WEIGHTS, tensors, {"format": "pt"}, private=False)
        write_json(partial / adapters.CONFIG, config)
    if config.get("ensure_weight_tying"):
        yield Warned(
            "tied-embeddings",
            say(
                "Embeddings that are the output layer too are kept so by PEFT from version 0.19 on. Merging "
                "low-rank layers of them there adds them twice: for a whole model, use Hone's."
            ),
        )
    note = adapters.read_base_precision(folder).note
    if note:
        yield Warned("base-precision", say("{note} Load it so in PEFT for the same answers.", note=note))
    yield Saved(0, str(target), "adapter")


def _base_model(folder: Path, saved: dict[str, Any]) -> str:
    if not saved.get("model"):
        raise BadModel(say("The adapter in {folder} does not name its model; give it with --model.", folder=folder))
    return str(saved["model"])


def _untied(config: dict[str, Any]) -> dict[str, Any]:
    """What config.json says of a model whose output layer is not its embeddings, in the parts that tell so."""
    inner = config.get("text_config")
    parts = {"text_config": inner | _untied(inner)} if isinstance(inner, dict) else {}
    return {"tie_word_embeddings": False, **parts}


def _load_adapted(
    source: Path, adapter: Path, base: adapters.BasePrecision, device: str, allow_code: bool
) -> LoadedModel:
    """The base in the precision of the training, with its adapter and the adapter's chat template, to evaluate."""
    loaded = load(source, device=device, allow_code=allow_code, quantization=base.quantization, double=base.double)
    adapters.load(loaded.model, adapter)
    loaded.model.eval()
    loaded.tokenizer.chat_template = adapters.read_chat_template(adapter) or loaded.tokenizer.chat_template
    return loaded


def _write_quantized(
    source: Path, folder: Path, mode: str, double: bool, device: str, shard_bytes: int, allow_code: bool
) -> Iterator[Event]:
    """Quantize the model of `source` into `folder`; its weights are read and packed one layer at a time."""
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
