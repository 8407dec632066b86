"""Which layers get an add-on: presets, names and patterns, over the last N blocks."""

import mlx.nn as nn

from core.errors import BadOption
from core.model.target_names import PRESETS, means, words
from core.quant import PackedExperts, is_linear


def is_experts(m: object) -> bool:
    """Whether a module is the linear layer of many experts (mlx-lm's SwitchLinear, packed or not)."""
    if isinstance(m, PackedExperts):
        return True
    return isinstance(m, nn.Module) and hasattr(m, "num_experts") and "weight" in m and m.weight.ndim == 3


def is_embedding(m: object) -> bool:
    return isinstance(m, nn.Embedding | nn.QuantizedEmbedding)


def find_target_layers(
    model: nn.Module, wanted: str, last: int | None, *, experts: bool = True
) -> dict[str, nn.Module]:
    """The layers that get an add-on, by name.

    `wanted` holds, separated by commas: "all" (the linear layers of the blocks, routers aside), "attention",
    "embeddings", "head", names such as q_proj or self_attn.q_proj, and patterns such as model.layers.[0-3].mlp.*;
    `last` counts blocks from the end. Without `experts`, "all" leaves layers of experts out. Raises BadOption for
    a word that nothing matches.
    """
    blocks = model.layers
    first = 0 if last is None else max(0, len(blocks) - last)
    inside = {id(m) for block in blocks for _, m in block.named_modules()}
    chosen = {id(m) for block in blocks[first:] for _, m in block.named_modules()}
    able = {n: m for n, m in model.named_modules() if is_linear(m) or is_experts(m) or is_embedding(m)}
    able = {n: m for n, m in able.items() if id(m) in chosen or id(m) not in inside}
    found: dict[str, nn.Module] = {}
    for word in words(wanted):
        matched = {n: m for n, m in able.items() if means(word, n, id(m) in inside)}
        if word in PRESETS and not experts:
            matched = {n: m for n, m in matched.items() if not is_experts(m)}
        if not matched:
            raise BadOption(_nothing(word, able))
        found |= matched
    if not found:
        raise BadOption(f"No layer of this model matches the targets {wanted!r}.")
    return found


def _nothing(word: str, able: dict[str, nn.Module]) -> str:
    if word == "head" and any(is_embedding(m) for m in able.values()):
        return "This model has no output layer of its own: its embeddings serve as one; name embeddings instead."
    if word in PRESETS:
        return f"No linear layer of this model matches the target {word!r}."
    kinds = sorted({n.rpartition(".")[2] for n in able})
    return f"The model has no linear layer {word!r}; it has {', '.join(kinds)}."
