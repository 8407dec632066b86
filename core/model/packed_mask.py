"""The attention mask of packed rows, where no text attends to another: an object in the place of a model's cache.

mlx-lm's models get the attention mask and the offset of their rotary embeddings from their cache, and pass keys and
values through it. A cache that answers for a Layout keeps texts apart without a change to the model's file. Where
nothing is shared, positions need no reset: rotary embeddings are relative. Models that mix positions in another way
(recurrent layers, learned positions) would give other numbers, so every model is measured before a layout is used
(`can_pack`, `can_share_prefix`).
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.packing import Layout, build_layout
from core.model import tiled_attention
from core.model.rope_positions import TokenPositions, disable_token_positions, enable_token_positions
from core.text.sentence import say
from core.text.shares import describe_share

# Largest relative difference between the logits of texts in one row and in rows of their own, by compute precision.
TOLERANCE = {mx.float32: 1e-4, mx.bfloat16: 5e-2, mx.float16: 1e-2}


class PackedMaskCache:
    """A cache that stores nothing, and masks all tokens but those of a token's own text.

    The layout holds MLX arrays: R rows of W tokens.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.offset = TokenPositions(layout.positions) if layout.shared else 0
        self._tiles: tuple[tiled_attention.Tile, ...] | None = None

    def make_mask(self, n: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        """bool [R, 1, W, W], True where a token (axis 2) may attend to another: itself and those before in its text."""
        layout, index = self.layout, mx.arange(n)
        mask = (index[:, None] >= index[None]) & _compare_pairs(layout.segments, mx.equal)
        if layout.shared:
            is_common = layout.sub_segments == 0
            mask = mask & (_compare_pairs(layout.sub_segments, mx.equal) | is_common[:, None, :])
        if window_size is not None:
            mask = mask & (_compare_pairs(layout.positions, mx.subtract) < window_size)
        return mask[:, None]

    def attend(self, queries: mx.array, keys: mx.array, values: mx.array, scale: float, mask: mx.array) -> mx.array:
        """Attention [R, H, W, E] in tiles, for the layers that use it; see core.model.tiled_attention."""
        if self._tiles is None:
            self._tiles = tiled_attention.plan_tiles(np.array(self.layout.segments), np.array(self.layout.sub_segments))
        return tiled_attention.attend(queries, keys, values, scale, mask, self._tiles)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Keys and values unchanged."""
        return keys, values


def _compare_pairs(x: mx.array, function: Any) -> mx.array:
    """function(query, key) of all pairs in a row: [R, W] to [R, W, W]."""
    result: mx.array = function(x[:, :, None], x[:, None, :])
    return result


@dataclass(frozen=True)
class _Text:
    tokens: Any


def measure_difference(model: Any, vocabulary: int, share: bool = False) -> float | None:
    """The norm of the difference between the logits of packed and separate texts, relative to the norm of the logits.

    None if the model cannot be run on packed texts. With `share`, the texts of a pair have a common prefix that is
    stored once; else all texts are packed one after another.
    """
    # Two rows of some length: there are kernels that fail from a hundred tokens on.
    prefixes = [np.arange(n) * 7 % vocabulary for n in (24, 16, 20)]
    endings = [(np.arange(n) * 11 + n) % vocabulary for n in (16, 24, 20, 12, 8, 28)]
    texts = [_Text(np.concatenate([prefixes[n // 2], ending])) for n, ending in enumerate(endings)]
    mask = np.array([np.arange(48) < len(t.tokens) - 1 for t in texts])
    tokens = np.zeros(mask.shape, dtype=np.int64)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text.tokens) - 1] = text.tokens[:-1]
    # Two rows that are laid out differently: a model may use the mask of one for both.
    rows = [[[0, 1], [2, 3]], [[4, 5]]] if share else [[[0], [1], [2]], [[3], [4], [5]]]
    layout = to_mlx(build_layout(rows, 128, texts, mask))
    try:
        packed = model(layout.tokens, cache=[PackedMaskCache(layout)] * len(model.layers))
        packed = packed.reshape(-1, packed.shape[-1])[layout.sources]
        alone = model(mx.array(tokens))  # each in a row of its own, where what follows a text changes nothing in it
        separate = alone.reshape(-1, alone.shape[-1])[mx.array(np.flatnonzero(mask))]
        mx.eval(packed, separate)
    except (AttributeError, TypeError, ValueError, IndexError, RuntimeError):
        # The model's layers need more of their cache than a mask, or a kernel of the GPU does not take this mask.
        return None
    packed, separate = packed.astype(mx.float32), separate.astype(mx.float32)
    return float(mx.linalg.norm(packed - separate) / mx.linalg.norm(separate))


def can_pack(model: Any, vocabulary: int, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether rows of several texts give a loaded model's logits of separate texts, the reason).

    Installs tiled attention in the model's layers. `vocabulary` is the number of tokens, `dtype` what it computes in.
    """
    tiled_attention.install_tiled_attention(model)
    return _judge(measure_difference(model, vocabulary), dtype, say("packed rows"))


def can_share_prefix(model: Any, vocabulary: int, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether texts may share a common prefix, the reason); if so, the model's rotary embeddings take TokenPositions.

    `vocabulary` is the number of tokens, `dtype` what the model computes in.
    """
    enable_token_positions(model)
    can_share, reason = _judge(
        measure_difference(model, vocabulary, share=True), dtype, say("texts with a shared beginning")
    )
    if not can_share:
        disable_token_positions(model)
    return can_share, reason


def _judge(difference: float | None, dtype: mx.Dtype, subject: str) -> tuple[bool, str]:
    if difference is None:
        return False, say("this architecture cannot keep {subject} apart", subject=subject)
    if not difference <= TOLERANCE.get(dtype, 1e-4):
        return False, say(
            "{subject} would differ from separate ones by {difference} in this architecture",
            subject=subject,
            difference=describe_share(difference),
        )
    return True, say(
        "measured on this model: {subject} and separate ones differ by {difference}",
        subject=subject,
        difference=describe_share(difference),
    )


def to_mlx(layout: Layout) -> Layout:
    """The same layout with MLX arrays."""
    arrays = {f.name: mx.array(getattr(layout, f.name)) for f in fields(Layout) if f.name != "shared"}
    return replace(layout, **arrays)
