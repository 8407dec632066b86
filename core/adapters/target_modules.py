"""Which layers get an adapter: presets, names and patterns, over the last N blocks."""

import mlx.nn as nn

from core.errors import BadOption
from core.model.target_names import PRESETS, matches_target, split_targets
from core.quant import PackedExperts, is_linear
from core.text.sentence import say


def is_experts(module: object) -> bool:
    """Whether a module is the linear layer of many experts (mlx-lm's SwitchLinear, packed or not)."""
    if isinstance(module, PackedExperts):
        return True
    if not isinstance(module, nn.Module) or not hasattr(module, "num_experts"):
        return False
    return "weight" in module and module.weight.ndim == 3


def is_embedding(module: object) -> bool:
    """Whether a module is an embedding, quantized or not."""
    return isinstance(module, nn.Embedding | nn.QuantizedEmbedding)


def find_target_layers(
    model: nn.Module, targets: str, num_blocks: int | None, *, experts: bool = True
) -> dict[str, nn.Module]:
    """The layers that get an adapter, by name.

    `targets` holds, separated by commas: "all" (the linear layers of the blocks, without routers), "attention",
    "embeddings", "head", names such as q_proj or self_attn.q_proj, and patterns such as model.layers.[0-3].mlp.*.
    Of the blocks, only the last `num_blocks` are searched; None: all of them. Without `experts`, "all" leaves out the
    layers of experts. Raises BadOption for a target that no layer matches.
    """
    blocks = model.layers
    first_block = 0 if num_blocks is None else max(0, len(blocks) - num_blocks)
    in_blocks = {id(m) for block in blocks for _, m in block.named_modules()}
    in_last_blocks = {id(m) for block in blocks[first_block:] for _, m in block.named_modules()}
    candidates = {
        name: m
        for name, m in model.named_modules()
        if (is_linear(m) or is_experts(m) or is_embedding(m)) and (id(m) in in_last_blocks or id(m) not in in_blocks)
    }
    layers: dict[str, nn.Module] = {}
    for word in split_targets(targets):
        matches = {name: m for name, m in candidates.items() if matches_target(word, name, id(m) in in_blocks)}
        if word in PRESETS and not experts:
            matches = {name: m for name, m in matches.items() if not is_experts(m)}
        if not matches:
            raise BadOption(_no_match_sentence(word, candidates))
        layers |= matches
    if not layers:
        raise BadOption(say("No layer of this model matches the targets {targets!r}.", targets=targets))
    return layers


def _no_match_sentence(word: str, candidates: dict[str, nn.Module]) -> str:
    if word == "head" and any(is_embedding(m) for m in candidates.values()):
        return say("This model has no output layer of its own: its embeddings serve as one; name embeddings instead.")
    if word in PRESETS:
        return say("No linear layer of this model matches the target {word!r}.", word=word)
    short_names = sorted({name.rpartition(".")[2] for name in candidates})
    return say(
        "The model has no linear layer {word!r}; it has {short_names}.", word=word, short_names=", ".join(short_names)
    )
