"""Several rows in one, and none sees another: what stands where a model expects its cache.

mlx-lm's models ask their cache for the attention mask and pass keys and values through it. One that answers
with a mask of blocks keeps packed rows apart without touching a model file. Positions need no reset: rotary
embeddings are relative. Models that mix positions in another way (recurrent layers, learned positions) would
give other numbers, so every model is measured before packing is used (see `difference`).
"""

from typing import Any

import mlx.core as mx

# Largest relative difference between packed and separate rows, by compute precision.
EXACT = {mx.float32: 1e-4, mx.bfloat16: 5e-2, mx.float16: 1e-2}


class Blocks:
    """A cache that keeps nothing and masks what belongs to another row. segments [N, T]: the row of each token."""

    offset = 0

    def __init__(self, segments: mx.array) -> None:
        self.segments = segments

    def make_mask(self, n: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        """[N, 1, T, T], True where a token may look: itself and those before it in its own row."""
        s, place = self.segments, mx.arange(n)
        ahead = place[:, None] - place[None]  # how far each key lies behind each query
        seen = ahead >= 0 if window_size is None else (ahead >= 0) & (ahead < window_size)
        return ((s[:, :, None] == s[:, None, :]) & seen)[:, None]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        return keys, values


def difference(model: Any, vocabulary: int) -> float | None:
    """How far packed rows are from separate ones, relative to the logits' size; None if the model cannot pack."""
    one = mx.arange(5) * 7 % vocabulary
    two = (mx.arange(6) * 11 + 1) % vocabulary
    segments = mx.array([[1] * 5 + [2] * 6, [1] * 6 + [2] * 5])
    shelves = mx.stack([mx.concatenate([one, two]), mx.concatenate([two, one])])
    try:
        packed = model(shelves, cache=[Blocks(segments)] * len(model.layers))
        first, second = model(one[None])[0], model(two[None])[0]
        apart = mx.stack([mx.concatenate([first, second]), mx.concatenate([second, first])])
        mx.eval(packed, apart)
    except (AttributeError, TypeError, ValueError, IndexError, NotImplementedError):
        return None  # the model's layers ask their cache for more than a mask
    packed, apart = packed.astype(mx.float32), apart.astype(mx.float32)
    return float(mx.linalg.norm(packed - apart) / mx.linalg.norm(apart))


def check(model: Any, vocabulary: int, dtype: mx.Dtype) -> tuple[bool, str]:
    """(whether rows may be packed, why) for a loaded model."""
    found = difference(model, vocabulary)
    if found is None:
        return False, "this architecture cannot keep packed rows apart"
    if not found <= EXACT.get(dtype, 1e-4):
        return False, f"packed rows would differ from separate ones by {found:.0e} in this architecture"
    return True, f"measured on this model: packed and separate rows agree within {max(found, 1e-9):.0e}"
