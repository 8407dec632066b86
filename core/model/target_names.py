"""What layers are called, and which of them a word for targets means. Needs no MLX."""

from fnmatch import fnmatchcase

# The small layers that send each token to its experts; transformers' "all linear layers" leaves them out as well.
ROUTERS = ("gate", "router", "shared_expert_gate")
OUTSIDE_BLOCKS = {"embeddings": ("embed_tokens", "wte", "word_embeddings", "embeddings"), "head": ("lm_head",)}
PRESETS = ("all", "attention", *OUTSIDE_BLOCKS)


def split_targets(targets: str) -> list[str]:
    """The words of the option: presets, names and patterns with commas between."""
    return [part.strip() for part in targets.split(",") if part.strip()]


def matches_target(word: str, name: str, inside: bool) -> bool:
    """Whether a word means the layer of this name, which stands `inside` a block or not."""
    last = name.rpartition(".")[2]
    if word == "all":
        return inside and last not in ROUTERS
    if word == "attention":
        return inside and ("attn" in name or "attention" in name)
    if word in OUTSIDE_BLOCKS:
        return not inside and last in OUTSIDE_BLOCKS[word]
    return fnmatchcase(name, word) or fnmatchcase(name, f"*.{word}")
