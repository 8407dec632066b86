"""Several texts in one row, and none sees another: what stands where a model expects its cache.

mlx-lm's models ask their cache for the attention mask and the offset of their rotary embeddings, and pass keys and
values through it. One that answers for a Layout keeps texts apart without touching a model file. Where nothing is
shared, positions need no reset: rotary embeddings are relative. Models that mix positions in another way (recurrent
layers, learned positions) would give other numbers, so every model is measured before a layout is used (`check`).
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import mlx.core as mx
import numpy as np

from core.data.batch.packing import Layout, build_layout
from core.model import tiled_attention
from core.model.rope_positions import TokenPositions, disable_token_positions, enable_token_positions

# Largest relative difference between texts in one row and in rows of their own, by compute precision.
TOLERANCE = {mx.float32: 1e-4, mx.bfloat16: 5e-2, mx.float16: 1e-2}


class PackedMaskCache:
    """A cache that keeps nothing, and masks what is no part of a token's own text. The layout holds MLX arrays."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.offset = TokenPositions(layout.positions) if layout.shared else 0
        self._tiles: tuple[tiled_attention.Tile, ...] | None = None

    def make_mask(self, n: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        """[R, 1, W, W], True where a token may look: itself and those before it in its own text."""
        layout, place = self.layout, mx.arange(n)
        seen = (place[:, None] >= place[None]) & _pairs(layout.segments, mx.equal)
        if layout.shared:
            common = layout.sub_segments == 0
            seen = seen & (_pairs(layout.sub_segments, mx.equal) | common[:, None, :])
        if window_size is not None:
            seen = seen & (_pairs(layout.positions, mx.subtract) < window_size)
        return seen[:, None]

    def attend(self, queries: mx.array, keys: mx.array, values: mx.array, scale: float, mask: mx.array) -> mx.array:
        """Attention, where it is computed here; see core.model.tiled_attention."""
        if self._tiles is None:
            self._tiles = tiled_attention.plan_tiles(np.array(self.layout.segments), np.array(self.layout.sub_segments))
        return tiled_attention.attend(queries, keys, values, scale, mask, self._tiles)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return keys, values


def _pairs(x: mx.array, how: Any) -> mx.array:
    """how(query, key) of all pairs in a row: [R, W] to [R, W, W]."""
    made: mx.array = how(x[:, :, None], x[:, None, :])
    return made


@dataclass(frozen=True)
class _Text:
    tokens: Any


def measure_difference(model: Any, vocabulary: int, share: bool = False) -> float | None:
    """How far texts in one row are from separate ones, relative to the logits' size; None if the model cannot.

    With `share`, of texts with a common beginning that is there once; else laid end to end.
    """
    # Two rows of some length: there are kernels that fail from a hundred tokens on.
    begin = [np.arange(n) * 7 % vocabulary for n in (24, 16, 20)]
    ends = [(np.arange(n) * 11 + n) % vocabulary for n in (16, 24, 20, 12, 8, 28)]
    texts = [_Text(np.concatenate([begin[n // 2], end])) for n, end in enumerate(ends)]
    mask = np.array([np.arange(48) < len(t.tokens) - 1 for t in texts])
    # Two rows that are laid out differently: a model may take the mask of one for that of both.
    shelves = [[[0, 1], [2, 3]], [[4, 5]]] if share else [[[0], [1], [2]], [[3], [4], [5]]]
    layout = to_mlx(build_layout(shelves, 128, texts, mask))
    try:
        packed = model(layout.tokens, cache=[PackedMaskCache(layout)] * len(model.layers))
        packed = packed.reshape(-1, packed.shape[-1])[layout.sources]
        apart = mx.concatenate([model(mx.array(t.tokens[None, :-1]))[0] for t in texts])
        mx.eval(packed, apart)
    except (AttributeError, TypeError, ValueError, IndexError, RuntimeError):
        # The model's layers ask their cache for more than a mask, or a GPU's kernels do not take what they make of it.
        return None
    packed, apart = packed.astype(mx.float32), apart.astype(mx.float32)
    return float(mx.linalg.norm(packed - apart) / mx.linalg.norm(apart))


def can_pack(model: Any, vocabulary: int, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether texts may be laid end to end, why) for a loaded model."""
    tiled_attention.install_tiled_attention(model)
    return _verdict(measure_difference(model, vocabulary), dtype, "packed rows")


def can_share_prefix(model: Any, vocabulary: int, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether texts may share their common beginning, why); if so, the model's rotary embeddings follow positions."""
    enable_token_positions(model)
    may, why = _verdict(measure_difference(model, vocabulary, share=True), dtype, "texts with a shared beginning")
    if not may:
        disable_token_positions(model)
    return may, why


def _verdict(found: float | None, dtype: mx.Dtype, what: str) -> tuple[bool, str]:
    if found is None:
        return False, f"this architecture cannot keep {what} apart"
    if not found <= TOLERANCE.get(dtype, 1e-4):
        return False, f"{what} would differ from separate ones by {found:.0e} in this architecture"
    return True, f"measured on this model: {what} and separate ones agree within {max(found, 1e-9):.0e}"


def to_mlx(layout: Layout) -> Layout:
    """The same layout with MLX arrays."""
    arrays = {f.name: mx.array(getattr(layout, f.name)) for f in fields(Layout) if f.name != "shared"}
    return replace(layout, **arrays)
