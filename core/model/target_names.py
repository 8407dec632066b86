"""Names of layers, and which of them the option for an adapter's target layers selects. Needs no MLX."""

from fnmatch import fnmatchcase

# The small layers that send each token to its experts; transformers' "all linear layers" leaves them out as well.
ROUTERS = ("gate", "router", "shared_expert_gate")
# Layers outside the model's blocks, by the preset that selects them.
OUTSIDE_BLOCKS = {"embeddings": ("embed_tokens", "wte", "word_embeddings", "embeddings"), "head": ("lm_head",)}
PRESETS = ("all", "attention", *OUTSIDE_BLOCKS)


def split_targets(targets: str) -> list[str]:
    """The parts of the option: presets, names and patterns, separated by commas."""
    return [target.strip() for target in targets.split(",") if target.strip()]


def matches_target(target: str, name: str, in_block: bool) -> bool:
    """Whether a preset, name or pattern selects the layer of this name, which is inside a block or not."""
    last_part = name.rpartition(".")[2]
    if target == "all":
        return in_block and last_part not in ROUTERS
    if target == "attention":
        return in_block and ("attn" in name or "attention" in name)
    if target in OUTSIDE_BLOCKS:
        return not in_block and last_part in OUTSIDE_BLOCKS[target]
    return fnmatchcase(name, target) or fnmatchcase(name, f"*.{target}")
