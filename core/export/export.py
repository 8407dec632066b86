"""Make a model of its own: fuse an adapter into its base, pack a model in fewer bits, hand an adapter to PEFT.

Each is a generator of events that ends with Saved; a folder appears whole or not at all. What was written is loaded
again and compared before it is called done.
"""

import functools
import json
import math
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core import adapters
from core.adapters import peft
from core.atomic_files import explain, save_tensors
from core.data.batch.batches import batch_by_length
from core.data.batch.groups import row_texts
from core.data.tokenize.encode import Encoded
from core.device.select import select
from core.errors import BadModel, BadOption
from core.events import Event, Phase, Saved, Warned
from core.export.weights import HUGGING_FACE, tensors
from core.model import families, hub
from core.model.lm_head import find_lm_head as find_head
from core.model.load import DTYPES, LoadedModel, load, read_config, stored_dtype, unpacked_notes
from core.model.log_probs import to_mlx, token_logps
from core.quant import MODES, PackedExperts, PackedLinear, files, is_packed, quantize_model
from core.quant.modes import UNPACKED
from core.quant.modes import find_mode as find_mode
from core.run import Run
from core.run.folder import RUN
from core.training.dataset import load_rows

SHARD_BYTES = 4 << 30
# Largest difference between the logits of the adapter and of the written model, relative to their size.
CLOSE = {mx.float32: 1e-4, mx.bfloat16: 5e-2, mx.float16: 1e-2}
OWN = ("config.json", "model.safetensors.index.json", adapters.CONFIG)  # written anew, not copied

Parts = dict[str, tuple[int, Callable[[], mx.array]]]


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
    """Write the base with what the adapter learned in its weights, as a model folder in the Hugging Face layout.

    `dtype` is that of the weights ("auto": the model's own); a base that was packed while training is unpacked, so
    that nothing of the adapter is rounded away. With `quantization` (one of core.quant.MODES) the result is packed
    after fusing, and its loss on the run's held-out rows is told beside the adapter's. `model` stands in for the base
    that the adapter names. Raises UserError.
    """
    folder, goal, packs = Path(adapter).expanduser(), _free(output), quantization != UNPACKED
    if packs:
        find_mode(quantization, double)
    device = select(backend_name)["used"]
    saved, weights = adapters.read(folder)
    source = yield from hub.fetch(model or _base(folder, saved))
    base = adapters.read_base_precision(folder)
    yield Phase("Loading model", str(source))
    loaded = load(source, device=device, allow_code=allow_code, quantization=base.quantization, double=base.double)
    adapters.load(loaded.model, folder)
    loaded.model.eval()
    loaded.tokenizer.chat_template = adapters.read_chat_template(folder) or loaded.tokenizer.chat_template
    before = _probe(loaded)
    held = (yield from _held_out(folder, loaded.tokenizer)) if packs else []
    loss = _loss(loaded, held)

    kind = dtype if dtype != "auto" else stored_dtype(source)
    trained = set(weights) if saved.get("fine_tune_type") == "full" else set()
    found, layout = tensors(loaded.model, source, trained, DTYPES[kind])
    config = {k: v for k, v in read_config(source).items() if k not in ("quantization", "quantization_config")}
    config[_dtype_key(config)] = kind
    with _whole(goal) as partial:
        yield Phase("Saving", str(goal))
        dense = partial / "dense" if packs else partial
        dense.mkdir(exist_ok=True)
        _write(dense, found, config, shard_bytes, "pt" if layout == HUGGING_FACE else "mlx")
        _copy(source, dense, folder)
        if packs:
            yield from _pack(dense, partial, quantization, double, device, shard_bytes, allow_code)
            shutil.rmtree(dense)
        yield Phase("Checking", str(goal))
        again = load(partial, "float32" if device == "cpu" else "auto", device=device, allow_code=allow_code)
        if packs:
            yield _compared(loss, _loss(again, held), quantization)
        else:
            yield _checked(_apart(_probe(again), before), DTYPES[kind], goal)
    family = families.find_family(config["model_type"])
    if layout != HUGGING_FACE and not packs and not (family and family.same_names):
        yield Warned("layout", f"The tensors have the names of {layout}: other programs may not find all of them.")
    yield Saved(0, str(goal), "model")


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
    """Write a model packed in one of core.quant.MODES: MLX's own formats for Hone and mlx-lm, nf4, fp4 and int8 in
    bitsandbytes' layout for Hone and transformers. Raises UserError."""
    goal = _free(output)
    if quantization == UNPACKED:
        raise BadOption(f"Say what to pack it as: {', '.join(MODES)}.")
    find_mode(quantization, double)
    device = select(backend_name)["used"]
    source = yield from hub.fetch(model)
    yield Phase("Loading model", str(source))
    with _whole(goal) as partial:
        yield from _pack(source, partial, quantization, double, device, shard_bytes, allow_code)
        yield Phase("Checking", str(goal))
        load(partial, device=device, allow_code=allow_code)
    yield Saved(0, str(goal), "model")


def to_peft(adapter: str | Path, output: str | Path) -> Iterator[Event]:
    """Write an adapter as a folder that PEFT loads. Raises UserError."""
    folder, goal = Path(adapter).expanduser(), _free(output)
    saved, weights = adapters.read(folder)
    source = hub.locate(_base(folder, saved))
    about, found = peft.convert(saved, weights, read_config(source) if source else {}, folder)
    with _whole(goal) as partial:
        save_tensors(partial / adapters.PEFT_WEIGHTS, found, {"format": "pt"})
        _json(partial / adapters.CONFIG, about)
    if adapters.read_base_precision(folder).note:
        yield Warned(
            "base-precision", f"{adapters.read_base_precision(folder).note} Load it so in PEFT for the same answers."
        )
    yield Saved(0, str(goal), "adapter")


def _pack(
    source: Path, folder: Path, mode: str, double: bool, device: str, shard_bytes: int, allow_code: bool
) -> Iterator[Event]:
    """Write the model of one folder packed into another; its weights are read and packed one layer at a time."""
    loaded = load(source, stored_dtype(source), device=device, allow_code=allow_code)
    if any(is_packed(m) for _, m in loaded.model.named_modules()):
        raise BadModel(f"{source} is already quantized; give the model in full precision.")
    yield Phase("Packing", mode)
    facts, about = quantize_model(loaded.model, mode, double=double), MODES[mode]
    for note in unpacked_notes(facts):
        yield Warned("base-precision", note)
    kind = stored_dtype(source)
    if about.mlx:
        packing: dict[str, Any] = {"group_size": about.block, "bits": about.bits, "mode": about.mlx}
        config = read_config(source) | {"quantization": packing, "quantization_config": packing}
    else:
        config = read_config(source) | {
            "quantization_config": files.quantization_config(mode, double, kind, sorted(facts.unpacked))
        }
    everything = _in_files(loaded.model, kind)
    found: Parts = {name: (value.nbytes, functools.partial(_same, value)) for name, value in everything.items()}
    _write(folder, found, config, shard_bytes, "mlx" if about.mlx else "pt")
    _copy(source, folder, None)


def _write(folder: Path, found: Parts, config: dict[str, Any], shard_bytes: int, framework: str) -> None:
    """config.json and the weights, in files of at most `shard_bytes` with an index where there are several."""
    shards: list[dict[str, Callable[[], mx.array]]] = [{}]
    room = shard_bytes
    for name, (size, tensor) in found.items():
        if size > room and shards[-1]:
            shards.append({})
            room = shard_bytes
        shards[-1][name] = tensor
        room -= size
    index: dict[str, str] = {}
    for i, shard in enumerate(shards, 1):
        file = "model.safetensors" if len(shards) == 1 else f"model-{i:05}-of-{len(shards):05}.safetensors"
        save_tensors(folder / file, {name: tensor() for name, tensor in shard.items()}, {"format": framework})
        index |= dict.fromkeys(shard, file)
        mx.clear_cache()
    if len(shards) > 1:
        total = sum(size for size, _ in found.values())
        about = {"metadata": {"total_size": total}, "weight_map": dict(sorted(index.items()))}
        _json(folder / "model.safetensors.index.json", about)
    _json(folder / "config.json", config)


def _in_files(model: nn.Module, dtype: str) -> dict[str, mx.array]:
    """The model's tensors; those of layers packed as bitsandbytes does, in its layout."""
    layers = {n: m for n, m in model.named_modules() if isinstance(m, PackedLinear | PackedExperts)}
    found = {}
    for name, value in tree_flatten(model.parameters()):
        owner, _, leaf = name.rpartition(".")
        if owner not in layers or leaf == "bias":
            found[name] = value
    for name, layer in layers.items():
        found |= files.packed_tensors(name, layer, dtype)
    return found


def _same(value: mx.array) -> mx.array:
    return value


def _json(path: Path, value: Any) -> None:
    with explain(path):
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _copy(source: Path, folder: Path, adapter: Path | None) -> None:
    """What belongs to a model beside config and weights: tokenizer, settings of generation, licence, chat template."""
    with explain(folder):
        for pattern in (*hub.PATTERNS, "LICENSE*"):
            for file in source.glob(pattern):
                if file.is_file() and file.name not in OWN and file.suffix != ".safetensors":
                    shutil.copyfile(file, folder / file.name)
        template = adapters.read_chat_template(adapter) if adapter else None
        if template is not None:
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


@contextmanager
def _whole(goal: Path) -> Iterator[Path]:
    """A folder beside the goal to write to, renamed at the end and removed on an error."""
    partial = goal.with_name(f".{goal.name}.partial")
    try:
        with explain(goal):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        yield partial
        with explain(goal):
            if goal.exists():
                goal.rmdir()
            partial.replace(goal)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _free(output: str | Path) -> Path:
    goal = Path(output).expanduser()
    if goal.exists() and (not goal.is_dir() or any(goal.iterdir())):
        raise BadOption(f"{goal} already exists; choose a new folder.")
    return goal


def _base(folder: Path, saved: dict[str, Any]) -> str:
    if not saved.get("model"):
        raise BadModel(f"The adapter in {folder} does not name its model; give it with --model.")
    return str(saved["model"])


def _dtype_key(config: dict[str, Any]) -> str:
    return "torch_dtype" if "torch_dtype" in config else "dtype"


def _probe(loaded: LoadedModel) -> mx.array:
    """Logits [T, V] float32 after a few tokens, to compare with."""
    tokens = loaded.tokenizer.encode("The quick brown fox jumps over the lazy dog. 1 + 1 = 2")[:32]
    logits = loaded.model(mx.array([tokens]))[0].astype(mx.float32)
    mx.eval(logits)
    return logits


def _apart(one: mx.array, other: mx.array) -> float:
    return float(mx.linalg.norm(one - other) / mx.linalg.norm(other))


def _checked(apart: float, kind: mx.Dtype, goal: Path) -> Warned:
    if not apart <= CLOSE[kind]:
        raise BadModel(f"The fused model's logits would differ from the adapter's by {apart:.1%}; {goal} is not kept.")
    return Warned("checked", f"Loaded again: its logits agree with the adapter's within {max(apart, 1e-9):.0e}.")


def _held_out(folder: Path, tokenizer: Any) -> Generator[Event, None, list[Encoded]]:
    """The held-out rows of the run in a folder; [] where it is no run, or has none."""
    if not (folder / RUN).is_file():
        return []
    rows = yield from load_rows(Run.read(folder / RUN), tokenizer)
    return [row for r in rows.held_out for row in ([r] if isinstance(r, Encoded) else row_texts(r))]


def _loss(loaded: LoadedModel, rows: Sequence[Encoded]) -> float | None:
    """Mean loss over all targets, in nats per token; None without rows."""
    if not rows:
        return None
    loaded.model.eval()
    head, _ = find_head(loaded.model, DTYPES[loaded.compute])
    loss, targets = 0.0, 0
    for batch in batch_by_length(rows, 4):
        loss -= float(token_logps(loaded.model, to_mlx(batch), head).sum())
        targets += int(batch.mask.sum())
    return loss / max(1, targets)


def _compared(adapter: float | None, packed: float | None, mode: str) -> Warned:
    """What packing cost, in a sentence."""
    if adapter is None or packed is None:
        return Warned("packed-loss", f"There are no held-out rows to measure what packing as {mode} costs.")
    worse = packed / adapter - 1 if adapter else math.inf
    words = "next to nothing is lost" if worse < 0.01 else f"{worse:.0%} worse"
    return Warned("packed-loss", f"Held-out loss: {adapter:.4f} with the adapter, {packed:.4f} as {mode}: {words}.")
