"""An adapter merged into the weights of its base: a model folder of its own."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core import adapters
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.device.select import fallback_note, select
from core.errors import BadModel
from core.events import Event, Phase, Saved, Warned
from core.export.model_folder import (
    SHARD_BYTES,
    copy_other_files,
    eos_setting,
    free_folder,
    name_stops,
    replacing_folder,
    write_weights,
)
from core.export.quantized_model import write_quantized
from core.export.verify import check_logits, describe_loss, load_eval_rows, mean_loss, probe_logits
from core.export.weights import HUGGING_FACE, merged_tensors
from core.model import families, hub
from core.model.check_folder import read_config
from core.model.load import LoadedModel, load
from core.model.precision import DTYPES, stored_dtype
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
    The folder appears whole or not at all, after the written model was loaded again and compared with the adapter's.

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
    chosen = select(backend_name)
    device = chosen["used"]
    if note := fallback_note(chosen):
        yield Warned("backend", note)
    saved, weights = adapters.read(folder)
    source = yield from hub.fetch(model or hub.require_local(named_base(folder, saved), folder))
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
    untied = adapters.untied_note(loaded.model)
    if untied:
        yield Warned("untied-head", untied)
    stops = find_end_of_turn(loaded.tokenizer).stops
    config = _fused_config(read_config(source), dtype, bool(untied), stops)
    with replacing_folder(target) as partial:
        yield Phase("Saving", str(target))
        dense = partial / "dense" if quantizes else partial
        dense.mkdir(exist_ok=True)
        write_weights(dense, tensors, config, shard_bytes, "pt" if naming == HUGGING_FACE else "mlx")
        copy_other_files(source, dense, folder)
        name_stops(dense / "generation_config.json", stops)
        if quantizes:
            yield from write_quantized(dense, partial, quantization, double, device, shard_bytes, allow_code)
            shutil.rmtree(dense)
        yield Phase("Checking", str(target))
        reloaded = load(partial, "float32" if device == "cpu" else "auto", device=device, allow_code=allow_code)
        if quantizes:
            yield describe_loss(loss, mean_loss(reloaded, rows), quantization)
        else:
            yield check_logits(probe_logits(reloaded), logits, DTYPES[dtype], target)
    if not quantizes and (note := _names_note(naming, config["model_type"])):
        yield Warned("layout", note)
    yield Saved(0, str(target), "model")


def named_base(folder: Path, saved: dict[str, Any]) -> str:
    """The base that an adapter's configuration `saved` names. Raises BadModel where it names none."""
    if not saved.get("model"):
        raise BadModel(say("The adapter in {folder} does not name its model; give it with --model.", folder=folder))
    return str(saved["model"])


def _load_adapted(
    source: Path, adapter: Path, base: adapters.BasePrecision, device: str, allow_code: bool
) -> LoadedModel:
    """The base in the precision of the training, with its adapter and the adapter's chat template, to evaluate."""
    loaded = load(source, device=device, allow_code=allow_code, quantization=base.quantization, double=base.double)
    adapters.load(loaded.model, adapter)
    loaded.model.eval()
    loaded.tokenizer.chat_template = adapters.read_chat_template(adapter) or loaded.tokenizer.chat_template
    return loaded


def _fused_config(config: dict[str, Any], dtype: str, untied: bool, stops: Sequence[int]) -> dict[str, Any]:
    """config.json of the fused model, made of its base's. `untied`: its output layer is no longer its embeddings."""
    config = {k: v for k, v in config.items() if k not in ("quantization", "quantization_config")}
    if untied:
        config |= _untied(config)
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = dtype
    return config | eos_setting(config, stops)


def _untied(config: dict[str, Any]) -> dict[str, Any]:
    """What config.json says of a model whose output layer is not its embeddings, in the parts that tell so."""
    inner = config.get("text_config")
    parts = {"text_config": inner | _untied(inner)} if isinstance(inner, dict) else {}
    return {"tie_word_embeddings": False, **parts}


def _names_note(naming: str, model_type: str) -> str:
    """A sentence where the written tensors have other names than in Hugging Face's files of the family; else ""."""
    family = families.find_family(model_type)
    if naming == HUGGING_FACE or (family and family.same_names):
        return ""
    return say("The tensors have the names of {naming}: other programs may not find all of them.", naming=naming)
