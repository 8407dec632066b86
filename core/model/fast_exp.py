"""e to the power of many numbers, on a processor.

MLX's own takes x86 20 ns a number, because it is made for wider registers than its wheel uses there; a power takes 6.
A training step on a processor asks for more exponentials than for anything else but products: of every logit, and of
every pair of tokens in attention.
"""

import math
import platform

import mlx.core as mx

EXP_IS_SLOW = platform.machine() in ("x86_64", "AMD64")


def exp(x: mx.array) -> mx.array:
    """e^x for float32 numbers up to 0, within a few units in the last place down to where it hardly counts.

    The relative error grows with |x|, to 3e-7 at -10. It has no gradient of its own to offer: use it in what does.
    """
    return mx.power(math.e, x) if EXP_IS_SLOW and mx.default_device() == mx.cpu else mx.exp(x)
