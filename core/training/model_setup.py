"""The model in training: loaded, with its adapter, and what was measured on it about how batches may go through it."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core import adapters
from core.adapters.fused_blocks import fuse_blocks
from core.data.batch.groups import row_texts
from core.errors import BadOption
from core.events import Event, Phase, Warned
from core.model import packed_mask
from core.model.fast_swiglu import install_fast_swiglu
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.kernels.check import unavailable_reason
from core.model.lm_head import LMHead, find_lm_head
from core.model.load import LoadedModel, load
from core.model.precision import DTYPES
from core.model.sharding import Sharding
from core.model.vocabulary import check_tokens, embedding_rows
from core.quant import count_weights
from core.resolved import Decision, ModelFacts, Packing, Precision
from core.rollouts.setup import apply_temperature
from core.run import Run
from core.text.sentence import say

COMPILED_WIDTH_MULTIPLE = 64  # widths are multiples of this where steps are compiled, so that few shapes are different


@dataclass(frozen=True)
class BatchLayout:
    """How the rows of a batch are collated."""

    options: dict[str, Any]  # of core.data.batch.batches.collate
    packing: Packing
    shared_prompts: Decision | None = None  # for rows with several texts
    warning: str = ""  # where it is not as asked


@dataclass(frozen=True)
class TrainingModel:
    """The model in memory with its adapter attached, and how batches go through it."""

    model: nn.Module
    lm_head: LMHead | None  # None where logits must be made everywhere
    dtype: mx.Dtype  # what it computes in
    precision: Precision
    layout: BatchLayout
    compiled: Decision
    fused: Decision  # whether blocks are computed in few large pieces
    logits: Decision  # made "at the targets" or "everywhere"
    facts: ModelFacts


def prepare_model(
    run: Run,
    folder: Path,
    device: str,
    vocabulary: int,
    texts: int,
    checkpointing: bool,
    sharding: Sharding | None = None,
) -> Generator[Event, None, TrainingModel]:
    """Load the model of a run from a folder and attach the adapter, yielding progress and warnings.

    Arguments:
        device: "cpu" or "gpu".
        vocabulary: tokens that the tokenizer knows.
        texts: how many texts a row has, or a group of answers.
        checkpointing: whether the blocks are computed again in the backward pass.
        sharding: how the model is parted over ranks, which all call this; None for a whole model.

    Raises BadModel and BadOption.
    """
    loaded, facts = yield from _load(run, folder, device, sharding)
    dtype = DTYPES[loaded.compute]
    lm_head, reason = find_lm_head(loaded.model, dtype)
    logits = Decision(say("at the targets") if lm_head else "everywhere", reason)
    if checkpointing:
        checkpoint_blocks(loaded.model)
    layout = _choose_layout(run, loaded.model, dtype, vocabulary, texts, device)
    compiled = Decision(False, say("its layers exchange numbers")) if sharding else decide_compiling(run, device)
    if compiled.used:
        layout = replace(layout, options=layout.options | {"multiple": COMPILED_WIDTH_MULTIPLE})
    if layout.warning:
        yield Warned("packing", layout.warning)
    if device == "cpu":
        install_fast_swiglu(loaded.model)
    unfused: str = say("it gains nothing on a processor")
    if device == "gpu":
        unfused = say("the model is parted over several ranks") if sharding else fuse_blocks(loaded.model)
    if not unfused and (reason := unavailable_reason()):
        yield Warned(
            "kernels",
            say("The quick kernels between products are not used: {reason}; a step takes longer.", reason=reason),
        )
    fused = Decision(not unfused, unfused)
    if run.spec.on_policy:
        lm_head = apply_temperature(loaded.model, lm_head, run.options.temperature)
    return TrainingModel(loaded.model, lm_head, dtype, loaded.precision, layout, compiled, fused, logits, facts)


def check_vocabulary(model: nn.Module, tokenizer_size: int, rows: Iterable[Any], path: str) -> None:
    """Raise BadModel where rows use tokens that the model has no embedding for: it would look up foreign memory.

    A tokenizer that merely knows more tokens than the model is left alone.
    """
    size = embedding_rows(model)
    if size is None or tokenizer_size <= size:
        return
    largest = max((int(max(text.tokens)) for row in rows for text in row_texts(row) if len(text.tokens)), default=0)
    check_tokens(model, largest, tokenizer_size, path)


def decide_compiling(run: Run, device: str) -> Decision:
    """Whether steps are compiled, and why (not)."""
    if device == "cpu":
        return Decision(False, say("compiling costs more than it gains on a CPU"))
    if run.adapter.dropout:
        return Decision(False, say("dropout draws by chance"))
    if run.spec.divergence or run.spec.precomputed:
        return Decision(False, say("a part of each batch is computed first"))
    return Decision(True, say("shapes that come up again, on a GPU"))


def _load(
    run: Run, folder: Path, device: str, sharding: Sharding | None
) -> Generator[Event, None, tuple[LoadedModel, ModelFacts]]:
    """(the model with its adapter attached, how many parameters it has and trains)."""
    layers: dict[str, adapters.AdapterLayer] = {}
    whole_size = list[int]()

    def attach(model: nn.Module) -> None:
        mx.random.seed(run.train.seed)
        adapters.attach(model, run.adapter)

    def attach_before(model: nn.Module) -> None:
        whole_size.append(count_weights(model))
        attach(model)
        layers.update(adapters.take_off(model))

    yield Phase("Loading model", run.model.path)
    trains_all = run.adapter.type == "full"
    loaded = load(
        folder,
        run.model.dtype,
        device=device,
        trains_all=trains_all,
        allow_code=run.model.allow_code,
        quantization=run.model.quantization,
        double=run.model.double_quantization,
        sharding=replace(sharding, prepare=attach_before) if sharding else None,
    )
    for note in loaded.notes:
        yield Warned("base-precision", note)
    if trains_all and loaded.compute == "float16":
        raise BadOption(
            say(
                "Full fine-tuning cannot compute in float16: its range does not hold what the optimizer keeps "
                "of the gradients. Use float32 or bfloat16."
            )
        )
    if trains_all and loaded.compute == "bfloat16":
        yield Warned(
            "precision", say("Every weight is kept in bfloat16, as asked: small corrections are lost in rounding.")
        )
    parameters = whole_size[-1] if whole_size else count_weights(loaded.model)
    if sharding:
        adapters.put_on(loaded.model, layers, sharding.group.mlx_group)
    else:
        attach(loaded.model)
    if whole := adapters.saved_modules(loaded.model):
        names = ", ".join(sorted(whole))[:80]
        yield Warned(
            "saved-modules",
            say(
                "The adapter to start from holds {names} whole: they go on learning too. mlx-lm loads no such "
                "adapter; for it, save the result as a whole model.",
                names=names,
            ),
        )
    if note := adapters.untied_note(loaded.model):
        yield Warned("untied-head", note)
    mx.eval(loaded.model.parameters())
    trainable = sum(t.size for t in adapters.trainable_tensors(loaded.model).values())
    asked = run.model
    return loaded, ModelFacts(parameters, trainable, asked.path, str(folder), asked.revision, asked.allow_code)


def _choose_layout(
    run: Run, model: nn.Module, dtype: mx.Dtype, vocabulary: int, texts: int, device: str
) -> BatchLayout:
    """How rows with so many texts are collated: as asked, where the model gives the same numbers that way."""
    requested = run.data.packing
    if run.spec.precomputed or not requested:
        why_not = say("as asked") if not requested else say("a part of each batch is measured by itself")
        return BatchLayout({"pack": False, "share": False}, Packing(requested, False, why_not))
    pack, reason = packed_mask.can_pack(model, vocabulary, dtype)
    packing = Packing(requested, pack, reason)
    warning = "" if pack else say("Rows are not packed: {reason}. They are sorted by length instead.", reason=reason)
    shared_prompts = None
    if texts > 1:
        shared_prompts = Decision(*packed_mask.can_share_prefix(model, vocabulary, dtype))
    options = {
        "pack": pack,
        "share": bool(shared_prompts and shared_prompts.used),
        "always": pack and device == "cpu",
    }
    return BatchLayout(options, packing, shared_prompts, warning)
