"""Whether tokens have an embedding in the model: for one that has none, it would look up foreign memory."""

import mlx.nn as nn

from core.errors import BadModel
from core.model.target_names import OUTSIDE_BLOCKS
from core.text.sentence import say


def embedding_rows(model: nn.Module) -> int | None:
    """How many tokens the model has embeddings for; None where they are not found by their usual names."""
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)  # an embedding with an adapter has its base's
        if name.rpartition(".")[2] in OUTSIDE_BLOCKS["embeddings"] and weight is not None:
            return int(weight.shape[0])
    return None


def check_tokens(model: nn.Module, largest: int, tokenizer_size: int, path: str = "") -> None:
    """Raises BadModel where `largest`, a token of a tokenizer of this size, has no embedding. `path` is the model's."""
    rows = embedding_rows(model)
    if rows is not None and largest >= rows:
        name = say("The tokenizer of {path}", path=path) if path else say("The tokenizer")
        raise BadModel(
            say(
                "{name} knows {tokenizer_size:,} tokens, but the model has embeddings for {rows:,} only, and "
                "token {largest:,} is used: the files of the folder do not belong together.",
                name=name,
                tokenizer_size=tokenizer_size,
                rows=rows,
                largest=largest,
            )
        )
