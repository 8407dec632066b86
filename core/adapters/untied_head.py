"""An output layer of its own for a model whose embeddings serve as one, where an adapter trained one of the two."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters.target_modules import is_embedding
from core.errors import BadModel
from core.model.target_names import OUTSIDE_BLOCKS
from core.quant import is_packed
from core.text.sentence import say

HEAD = "lm_head"  # in mlx-lm's models
_NOTE = say(
    "The adapter trained the output layer apart from the embeddings, which are one in the base "
    "model: here the output layer is a weight of its own."
)


def is_tied(model: nn.Module) -> bool:
    """Whether a model uses its embeddings as output layer."""
    return HEAD not in _language_model(model)


def is_untied(model: nn.Module) -> bool:
    """Whether `untie` gave a model an output layer of its own."""
    return bool(getattr(_language_model(model), "_head_was_tied", False))


def untied_note(model: nn.Module) -> str:
    """A sentence for people about an output layer that `untie` made; "" for a model without one."""
    return _NOTE if is_untied(model) else ""


def untie(model: nn.Module) -> None:
    """Give a model an output layer with the weights of its embeddings, which are in memory once; in place.

    Raises BadModel for an architecture whose output layer cannot be another one than its embeddings.
    """
    inner = _language_model(model)
    switches = _switches(inner)
    embeddings = find_embeddings(model)
    if embeddings is None or not switches:
        raise BadModel(_cannot(model))
    inner[HEAD] = _as_linear(embeddings)
    inner._head_was_tied = True
    for switch in switches:
        switch.tie_word_embeddings = False
    if not _uses_head(model, inner):
        tie(model)
        raise BadModel(_cannot(model))


def tie(model: nn.Module) -> None:
    """Undo `untie`."""
    inner = _language_model(model)
    for switch in _switches(inner):
        switch.tie_word_embeddings = True
    del inner[HEAD]
    inner._head_was_tied = False


def find_untied_head(model: nn.Module) -> tuple[str, nn.Module] | None:
    """(name, module) of the output layer that `untie` made, or None."""
    inner = _language_model(model)
    return (HEAD if inner is model else f"language_model.{HEAD}", inner[HEAD]) if is_untied(model) else None


def find_embeddings(model: nn.Module) -> nn.Module | None:
    """The module that turns tokens into vectors."""
    body = getattr(_language_model(model), "model", None)
    names = OUTSIDE_BLOCKS["embeddings"]
    return next((module for name in names if is_embedding(module := getattr(body, name, None))), None)


def _language_model(model: nn.Module) -> Any:
    return getattr(model, "language_model", model)


def _switches(inner: Any) -> list[Any]:
    """The objects whose tie_word_embeddings decides what mlx-lm's models use as output layer."""
    holders: list[Any] = [getattr(inner, "args", None), inner]
    return [holder for holder in holders if hasattr(holder, "tie_word_embeddings")]


def _as_linear(embeddings: nn.Module) -> nn.Module:
    """A linear layer over the same arrays as an embedding."""
    if is_packed(embeddings):
        linear: Any = nn.QuantizedLinear(64, 1, False, mode="affine")
        linear.group_size, linear.bits, linear.mode = embeddings.group_size, embeddings.bits, embeddings.mode
        for name in ("weight", "scales", "biases"):
            setattr(linear, name, getattr(embeddings, name))
    else:
        linear = nn.Linear(1, 1, bias=False)
        linear.weight = embeddings.weight
    linear.freeze()
    return linear


def _uses_head(model: nn.Module, inner: Any) -> bool:
    """Whether the model's logits come from its output layer: some architectures always take the embeddings."""
    head, called = inner[HEAD], []

    class Probe(nn.Module):
        def __call__(self, x: mx.array) -> mx.array:
            called.append(True)
            return head(x)

    inner[HEAD] = Probe()
    try:
        model(mx.array([[1]]))
    finally:
        inner[HEAD] = head
    return bool(called)


def _cannot(model: nn.Module) -> str:
    kind = getattr(model, "model_type", "this architecture")
    return say(
        "The adapter trained the output layer apart from the embeddings, and {kind} always uses its "
        "embeddings as output layer: merge it in PEFT (merge_and_unload), and give the result as the "
        "model.",
        kind=kind,
    )
