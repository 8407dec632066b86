"""Pack the linear layers of a model, weight by weight, so that the whole unpacked model never lies in memory.

Only what stands inside the model's blocks is packed; embeddings and the output layer (lm_head) stay as they are,
as transformers leaves them with bitsandbytes, and so do the routers of mixture-of-experts models, which are tiny
and decide a great deal. Every layer that is left is told with its reason.
"""

from collections import Counter
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core.errors import BadModel
from core.quant.linear import PackedExperts, PackedLinear, is_packed
from core.quant.mlx_linear import QuantizedLinear
from core.quant.modes import find_mode
from core.quant.packed import misfit_reason

# Last parts of names.
SKIPPED_LAYERS = ("lm_head", "gate", "router", "shared_expert_gate")


def quantize_model(
    model: nn.Module, mode: str, *, double: bool = False, skip: tuple[str, ...] = SKIPPED_LAYERS
) -> dict[str, Any]:
    """Replace the linear layers of a model's blocks by packed ones, in place.

    Each is evaluated and its dense weight let go before the next: of a model whose weights have not been read yet
    (mlx-lm's load_model with lazy=True), no more than one dense layer is in memory at a time. `skip` names layers
    to leave, by the last part of their name.

    Returns {mode, title, bits, block, double, layers, left: {name: reason}, bytes_before, bytes_after}; bytes are
    those of all weights of the model. Raises BadOption for an unknown mode, BadModel where nothing can be packed or
    a weight is not finite.
    """
    about = find_mode(mode, double)
    before = _bytes(model)
    wanted, left = _choose(model, mode, skip)
    if not wanted:
        if any(is_packed(m) for _, m in model.named_modules()):
            raise BadModel("The model is already quantized: its weights cannot be packed once more.")
        why = "".join(f" ({reason})" for reason, _ in Counter(left.values()).most_common(1))
        raise BadModel(f"None of the model's layers can be packed as {mode}{why}.")
    for name in wanted:
        # Asked for by name each time: a list of all modules would keep the dense ones alive.
        _replace(model, name, mode, double)
    mx.clear_cache()
    return {
        "mode": mode,
        "title": about.title,
        "bits": about.bits,
        "block": about.block,
        "double": double,
        "layers": len(wanted),
        "left": left,
        "bytes_before": before,
        "bytes_after": _bytes(model),
    }


def _choose(model: nn.Module, mode: str, skip: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """(names of layers to pack, {name: why not} of the others that hold a matrix)."""
    inside = {id(m) for block in model.layers for _, m in block.named_modules()}
    wanted, left = [], {}
    for name, m in model.named_modules():
        if not (isinstance(m, nn.Linear) or hasattr(m, "to_quantized") or is_packed(m)):
            continue
        reason = _reason(name, m, mode, skip, id(m) in inside)
        if reason:
            left[name] = reason
        else:
            wanted.append(name)
    return sorted(wanted), left


def _reason(name: str, m: nn.Module, mode: str, skip: tuple[str, ...], inside: bool) -> str:
    """Why a layer is not packed; "" where it is."""
    about = find_mode(mode)
    if is_packed(m):
        return "it is packed already"
    if isinstance(m, nn.Embedding):
        return "embeddings stay as they are"
    if name.rpartition(".")[2] in skip:
        return "it is left as it is by choice"
    if not inside:
        return "it stands outside the model's blocks"
    if _has_experts(m):
        return misfit_reason((1, m.weight.shape[-1]), mode)
    if about.mlx and type(m) is not nn.Linear:
        # Experts and the like: MLX packs their last axis, whatever the others.
        return misfit_reason((1, m.weight.shape[-1]), mode)
    if type(m) is not nn.Linear:
        return f"{type(m).__name__} has no packed form in {mode}; MLX's own formats have one"
    return misfit_reason(tuple(m.weight.shape), mode)


def _has_experts(m: nn.Module) -> bool:
    """Whether a module is mlx-lm's SwitchLinear, or takes the same arguments: other layers of that shape do not."""
    return hasattr(m, "num_experts") and hasattr(m, "input_dims") and "weight" in m


def _replace(model: nn.Module, name: str, mode: str, double: bool) -> None:
    about = find_mode(mode)
    old = dict(model.named_modules())[name]
    try:
        if _has_experts(old) and not about.mlx:
            new = PackedExperts.from_experts(old, mode, double)
        elif type(old) is not nn.Linear:  # experts and the like, which MLX packs by itself
            new = old.to_quantized(about.block, about.bits, mode=about.mlx)
        elif about.mlx:
            new = QuantizedLinear.pack(old, about)
        else:
            new = PackedLinear.from_linear(old, mode, double)
    except BadModel as error:
        raise BadModel(str(error).replace("A weight", f"The layer {name}", 1)) from None
    new.freeze()
    mx.eval(new.parameters())
    model.update_modules(tree_unflatten([(name, new)]))


def _bytes(model: nn.Module) -> int:
    return sum(v.nbytes for _, v in tree_flatten(model.parameters()))
