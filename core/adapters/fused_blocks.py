"""The blocks of a model in training as few large pieces of work, which is what a GPU is quick with.

Layers with the same input are one product (core.adapters.grouped_linear), and what lies between products is one kernel
each (core.model.kernels). For blocks of a known structure over a frozen base: the model's own class does everything
else, and this too wherever it does not train, an adapter is switched off, or a block was changed in another way. The
numbers are the same to rounding; names of parameters, files and everything that reads weights are not touched.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.models.cache import BatchKVCache, KVCache

from core.adapters.block_factors import BlockFactors, FactorsOfGroups, Group
from core.adapters.grouped_linear import GroupedLinear, can_group
from core.adapters.lora import LoRALinear
from core.adapters.stacked_factors import Factors
from core.model.families import BODIES
from core.model.gradient_checkpointing import is_checkpointed
from core.model.kernels.pieces import Heads, Rotation, add_norm, rotate_heads, swiglu
from core.model.kernels.token_product import Around
from core.model.packed_mask import PackedMaskCache
from core.model.patch import patch_module
from core.model.rope_positions import TokenPositions
from core.model.token_cache import TokenCache
from core.quant import linear_dims
from core.text.sentence import say

ROPE_TOLERANCE = 1e-4  # of numbers of about one
# Layers of a block that have the same input, and are one product.
QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
OUT = ("self_attn.o_proj",)
GATE_UP = ("mlp.gate_proj", "mlp.up_proj")
DOWN = ("mlp.down_proj",)
GROUPS = (QKV, OUT, GATE_UP, DOWN)


class _Fused(nn.Module):
    """Marks a body whose blocks are computed so; `fused` are its _Blocks."""


def fuse_blocks(model: Any) -> str:
    """Let the blocks of a model be computed in few pieces while it trains; returns why that cannot be, "" where it can.

    Call it when the adapter is attached. The weights of layers with the same input are moved into one matrix.
    """
    body: Any = getattr(model, "model", None)
    if isinstance(body, _Fused):
        return ""
    if reason := _unfit(body):
        return reason
    blocks = tuple(_Block(block) for block in body.layers)
    body.fused = _Blocks(blocks, BlockFactors([block.groups for block in blocks]))
    patch_module(body, _Fused, _fused_call(type(body)))
    return ""


def unknown_structure(body: Any) -> str:
    """Why the blocks of a body are none of those whose structure is known; "" where they are."""
    package, _, module = type(body).__module__.rpartition(".")
    if package != "mlx_lm.models" or (module, type(body).__name__) not in BODIES.values():
        return say("only the blocks of Llama, Mistral, Qwen 2 and Qwen 3 are computed in few large pieces")
    if getattr(body, "pipeline_size", 1) != 1:
        return say("the model is spread over machines")
    if any(getattr(b, "use_sliding", False) for b in body.layers):
        return say("some blocks look at a sliding window")
    return ""


def _unfit(body: Any) -> str:
    """Why the blocks of a body are computed by its own classes; "" where they can be fused."""
    if reason := unknown_structure(body):
        return reason
    if not _is_frozen_norm(body.norm) or not all(_fits(block) for block in body.layers):
        return say(
            "something other than LoRA without dropout is trained, or a layer's weights cannot be joined with others"
        )
    if not rotates_alike([b.self_attn for b in body.layers]):
        return say("the positions of some blocks are computed in another way")
    return ""


def _fits(block: Any) -> bool:
    """Whether a block has the structure of those that are known, and trains nothing but LoRA."""
    attention = block.self_attn
    norms = [block.input_layernorm, block.post_attention_layernorm]
    norms += [attention[name] for name in ("q_norm", "k_norm") if name in attention]
    return (
        all(map(_is_frozen_norm, norms))
        and all(can_group(_layers(block, group)) for group in GROUPS)
        and ("q_norm" in attention) == ("k_norm" in attention)
    )


def _layers(block: Any, group: Group) -> list[Any]:
    return [block[part][layer] for part, _, layer in (path.partition(".") for path in group)]


def _is_frozen_norm(norm: Any) -> bool:
    return type(norm) is nn.RMSNorm and not norm.trainable_parameters()


def rotates_alike(attentions: list[Any]) -> bool:
    """Whether the rotary embedding of every block is that of the first, and is what Rotation says of it."""
    size = head_size(attentions[0])
    x = mx.random.normal((1, 1, 40, size), key=mx.random.key(3))
    rotation = rotation_at(attentions[0].rope, size, 40, 0)
    low, high = mx.split(x[0, 0], 2, axis=-1)
    rotated = [low * rotation.cosine - high * rotation.sine, high * rotation.cosine + low * rotation.sine]
    expected = mx.concatenate(rotated, axis=-1)
    errors = mx.stack([mx.abs(attention.rope(x)[0, 0] - expected).max() for attention in attentions])
    return bool((errors < ROPE_TOLERANCE).all().item())


def head_size(attention: Any) -> int:
    layer = attention.k_proj
    return linear_dims(layer.base if isinstance(layer, LoRALinear) else layer)[1] // int(attention.n_kv_heads)


def rotation_at(rope: Any, size: int, length: int, offset: Any) -> Rotation:
    """The rotation of each token, as a rotary embedding computes it."""
    rows = len(offset.places) if isinstance(offset, TokenPositions) else 1 if isinstance(offset, int) else offset.size
    unit = mx.concatenate([mx.ones((rows, 1, length, size // 2)), mx.zeros((rows, 1, length, size // 2))], axis=-1)
    cosine, sine = mx.split(rope(unit, offset=offset).reshape(-1, size), 2, axis=-1)
    return Rotation(mx.contiguous(cosine), mx.contiguous(sine))


class _Block:
    """One block: its module, with the layers that have the same input as one."""

    def __init__(self, block: Any) -> None:
        self.module, self.attention = block, block.self_attn
        self._classes = _own_class(block), type(block.self_attn), type(block.mlp)
        self.groups: dict[Group, GroupedLinear] = {group: GroupedLinear(_layers(block, group)) for group in GROUPS}
        self.size = head_size(block.self_attn)

    @property
    def is_current(self) -> bool:
        """Whether the block is as it was but for checkpointing: nothing else was patched, switched off or replaced."""
        block = self.module
        classes = _own_class(block), type(block.self_attn), type(block.mlp)
        return classes == self._classes and all(group.is_current for group in self.groups.values())

    def __call__(
        self,
        factors: FactorsOfGroups,
        h: mx.array,
        r: mx.array | None,
        shape: tuple[int, int],
        mask: Any,
        cache: Any,
        rotation: Rotation,
    ) -> tuple[mx.array, mx.array]:
        """(the residual stream [N, D], what the feed-forward part adds to it), from those of the block before.

        `factors` are those of the adapters where a step has them ready; else each layer's own.
        """

        def multiply(group: Group, x: mx.array) -> mx.array:
            return self.groups[group](x, factors.get(group))

        block, attention = self.module, self.attention
        h, y = _add_norm(h, r, block.input_layernorm)
        parts = rotate_heads(multiply(QKV, y), self._heads, rotation)
        q, k, v = (part.reshape(*shape, -1, self.size).swapaxes(1, 2) for part in parts)
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        attend = vars(sys.modules[type(attention).__module__])["scaled_dot_product_attention"]
        o = attend(q, k, v, cache=cache, scale=attention.scale, mask=mask)
        o = multiply(OUT, o.swapaxes(1, 2).reshape(len(h), -1))
        h, y = _add_norm(h, o, block.post_attention_layernorm)
        return h, multiply(DOWN, swiglu(multiply(GATE_UP, y)))

    def compute_token(self, factors: FactorsOfGroups, h: mx.array, cache: TokenCache, rotation: Rotation) -> mx.array:
        """The residual stream [N, D] after the block, for one token of each row, from that before it."""

        def multiply(group: Group, x: mx.array, around: Around) -> mx.array:
            return self.groups[group].multiply_token(x, factors.get(group), around)

        first, second = self.module.input_layernorm, self.module.post_attention_layernorm
        qkv = multiply(QKV, h, Around(norm=first.weight, eps=first.eps))
        o = cache.attend(qkv, self._heads, rotation, self.attention.scale)
        h = multiply(OUT, o, Around(residual=h))
        y = multiply(GATE_UP, h, Around(norm=second.weight, eps=second.eps, gated=True))
        return multiply(DOWN, y, Around(residual=h))

    @property
    def _heads(self) -> Heads:
        attention = self.attention
        heads = Heads(attention.n_heads, attention.n_kv_heads, self.size)
        if "q_norm" not in attention:
            return heads
        q_norm, k_norm = attention.q_norm, attention.k_norm
        return heads._replace(q_norm=q_norm.weight, k_norm=k_norm.weight, eps=q_norm.eps)

    def checkpointed(
        self, factors: FactorsOfGroups, h: mx.array, r: mx.array | None, *others: Any
    ) -> tuple[mx.array, None]:
        """(the sum of both, nothing), computed again for its gradient: between two blocks one array is kept."""

        # What is trained is an argument, or it would get no gradient.
        def compute(trainable: Any, factors: list[Factors], h: mx.array) -> mx.array:
            parameters = self.module.trainable_parameters()
            self.module.update(trainable)
            try:
                h, r = self(dict(zip(groups, factors, strict=True)), h, None, *others)
                return h + r
            finally:
                self.module.update(parameters)

        groups = list(factors)
        h = h if r is None else h + r
        trainable = {} if factors else self.module.trainable_parameters()
        return mx.checkpoint(compute)(trainable, list(factors.values()), h), None


def _own_class(block: nn.Module) -> type[nn.Module]:
    return type(block).__mro__[2] if is_checkpointed(block) else type(block)


def _add_norm(h: mx.array, r: mx.array | None, norm: Any) -> tuple[mx.array, mx.array]:
    """(h + r, its norm)."""
    return (h, norm(h)) if r is None else add_norm(h, r, norm.weight, norm.eps)


@dataclass(frozen=True)
class _Blocks:
    """The blocks of a body. A class would keep them, and with them the weights, until Python looks for circles."""

    blocks: tuple[_Block, ...]
    factors: BlockFactors


def set_stacks(model: Any, stacks: dict[str, mx.array]) -> None:
    """Let the fused blocks of a model compute with BlockFactors.stacks, whatever their layers have; {}: the latter."""
    model.model.fused.factors.stacks = stacks


def takes_stacks(model: Any) -> bool:
    """Whether set_stacks() can be called for a model."""
    return isinstance(getattr(model, "model", None), _Fused)


@contextmanager
def kept_factors(model: Any) -> Iterator[None]:
    """Within it the adapters of fused blocks are put together once, and not for each token that the model writes. No
    weight of the model may change until it is left."""
    if not takes_stacks(model):
        yield
        return
    factors: BlockFactors = model.model.fused.factors
    factors.keep(True)
    try:
        yield
    finally:
        factors.keep(False)


def _fused_call(cls: type[nn.Module]) -> Callable[..., Any]:
    """The call of a body of class `cls`: hidden states [R, W, D] from tokens [R, W], as that gives them."""

    def call(self: Any, inputs: mx.array, cache: Any = None, input_embeddings: mx.array | None = None) -> Any:
        blocks, factors, first = self.fused.blocks, self.fused.factors, cache[0] if cache else None
        caches = PackedMaskCache if self.training else (PackedMaskCache, KVCache, BatchKVCache, TokenCache)
        is_usual = input_embeddings is None and (first is None or isinstance(first, caches))
        # Whatever keeps its factors does not change meanwhile.
        is_current = factors.is_kept or all(
            b.module is own and b.is_current for b, own in zip(blocks, self.layers, strict=True)
        )
        if not (is_usual and is_current):
            return cls.__call__(self, inputs, cache, input_embeddings)
        h, r = self.embed_tokens(inputs), None
        rows, length, width = h.shape
        create_mask = vars(sys.modules[cls.__module__])["create_attention_mask"]
        mask = create_mask(h, first)
        offset = 0 if first is None else first.offset
        rotation = rotation_at(blocks[0].attention.rope, blocks[0].size, length, offset)
        h = h.reshape(-1, width)
        for block, own, kept in zip(blocks, factors(h.dtype), cache or [None] * len(blocks), strict=True):
            if isinstance(kept, TokenCache):
                h = block.compute_token(own, h, kept, rotation)
                continue
            compute = block.checkpointed if self.training and is_checkpointed(block.module) else block
            h, r = compute(own, h, r, (rows, length), mask, kept, rotation)
        return _add_norm(h, r, self.norm)[1].reshape(rows, length, width)

    return call
