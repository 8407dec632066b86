"""Pack the linear layers of a model one by one, so that the whole unpacked model is never in memory.

Only layers inside the model's blocks are packed. Embeddings and the output layer (lm_head) stay as they are, as
transformers leaves them with bitsandbytes; so do the routers of mixture-of-experts models, which are tiny and decide
a great deal. Every layer that stays unpacked is reported with its reason.
"""

from collections import Counter
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.errors import BadModel
from core.quant.linear import PackedExperts, PackedLinear, is_packed
from core.quant.mlx_linear import QuantizedLinear
from core.quant.modes import find_mode
from core.quant.packed import NotPacked, misfit_reason
from core.text.sentence import join, say

SKIPPED_LAYERS = ("lm_head", "gate", "router", "shared_expert_gate")  # last parts of their names


@dataclass(frozen=True)
class QuantizationSummary:
    """Which layers of a model quantize_model() packed, and how."""

    mode: str
    title: str  # of the mode
    bits: int  # of one weight's code
    block: int  # weights that share a scale; 0: a whole row of the matrix
    double: bool  # whether the scales are packed too
    layers: int  # that were packed
    unpacked: dict[str, str]  # reason by the name of each layer that was not
    bytes_before: int  # of all weights of the model
    bytes_after: int


def quantize_model(
    model: nn.Module, mode: str, *, double: bool = False, skip: tuple[str, ...] = SKIPPED_LAYERS
) -> QuantizationSummary:
    """Replace the linear layers of a model's blocks by packed ones, in place.

    Each layer is evaluated and its dense weight released before the next: of a model whose weights have not been read
    yet (mlx-lm's load_model with lazy=True), no more than one dense layer is in memory at a time. `mode` is a name in
    core.quant.MODES, `double` packs the scales of nf4 and fp4 too, and `skip` names layers to leave, by the last part
    of their name.

    Raises BadOption for an unknown mode, BadModel where nothing can be packed or a weight is not finite.
    """
    info = find_mode(mode, double)
    bytes_before = _count_bytes(model)
    names, unpacked = _choose_layers(model, mode, skip)
    if not names:
        if any(is_packed(m) for _, m in model.named_modules()):
            raise BadModel(say("The model is already quantized: its weights cannot be packed once more."))
        common = Counter(unpacked.values()).most_common(1)
        detail = join((say(" ({reason})", reason=reason) for reason, _ in common), "")
        raise BadModel(say("None of the model's layers can be packed as {mode}{detail}.", mode=mode, detail=detail))
    for name in names:
        # Looked up by name each time: a list of all modules would keep the dense ones alive.
        _replace(model, name, mode, double)
    mx.clear_cache()
    return QuantizationSummary(
        mode=mode,
        title=info.title,
        bits=info.bits,
        block=info.block,
        double=double,
        layers=len(names),
        unpacked=unpacked,
        bytes_before=bytes_before,
        bytes_after=_count_bytes(model),
    )


def _choose_layers(model: nn.Module, mode: str, skip: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """(names of the layers to pack, {name: reason} of the other layers that hold a matrix)."""
    in_blocks = {id(m) for block in model.layers for _, m in block.named_modules()}
    names, unpacked = [], {}
    for name, m in model.named_modules():
        if not (isinstance(m, nn.Linear) or hasattr(m, "to_quantized") or is_packed(m)):
            continue
        reason = _unpacked_reason(name, m, mode, skip, id(m) in in_blocks)
        if reason:
            unpacked[name] = reason
        else:
            names.append(name)
    return sorted(names), unpacked


def _unpacked_reason(name: str, m: nn.Module, mode: str, skip: tuple[str, ...], in_block: bool) -> str:
    """Why a layer is not packed; "" where it is."""
    info = find_mode(mode)
    if is_packed(m):
        return say("it is packed already")
    if isinstance(m, nn.Embedding):
        return say("embeddings stay as they are")
    if name.rpartition(".")[2] in skip:
        return say("it is left as it is by choice")
    if not in_block:
        return say("it stands outside the model's blocks")
    if _has_experts(m):
        return misfit_reason((1, m.weight.shape[-1]), mode)
    if info.mlx and type(m) is not nn.Linear:
        # Experts and the like: MLX packs their last axis, whatever the others.
        return misfit_reason((1, m.weight.shape[-1]), mode)
    if type(m) is not nn.Linear:
        return say("{name} has no packed form in {mode}; MLX's own formats have one", name=type(m).__name__, mode=mode)
    return misfit_reason(tuple(m.weight.shape), mode)


def _has_experts(m: nn.Module) -> bool:
    """Whether a module is mlx-lm's SwitchLinear, or takes the same arguments: other layers of that shape do not."""
    return hasattr(m, "num_experts") and hasattr(m, "input_dims") and "weight" in m


def _replace(model: nn.Module, name: str, mode: str, double: bool) -> None:
    info = find_mode(mode)
    dense = dict(model.named_modules())[name]
    try:
        if _has_experts(dense) and not info.mlx:
            packed = PackedExperts.from_experts(dense, mode, double)
        elif type(dense) is not nn.Linear:  # experts and the like, which MLX packs by itself
            packed = dense.to_quantized(info.block, info.bits, mode=info.mlx)
        elif info.mlx:
            packed = QuantizedLinear.pack(dense, info)
        else:
            packed = PackedLinear.from_linear(dense, mode, double)
    except NotPacked as error:
        raise BadModel(
            say("The layer {name} cannot be packed as {mode}: {reason}.", name=name, mode=mode, reason=error.reason)
        ) from None
    packed.freeze()
    mx.eval(packed.parameters())
    model.update_modules(tree_unflatten([(name, packed)]))


def _count_bytes(model: nn.Module) -> int:
    return sum(v.nbytes for _, v in tree_flatten(model.parameters()))
