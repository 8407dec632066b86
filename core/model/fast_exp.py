"""e to the power of many numbers, on a processor.

On x86, MLX's own exp takes 20 ns a number, because it is written for wider registers than its wheel uses there; its
power takes 6. A training step on a processor computes more exponentials than anything else except products: of every
logit, and of every pair of tokens in attention.
"""

import math
import platform

import mlx.core as mx

EXP_IS_SLOW = platform.machine() in ("x86_64", "AMD64")


def exp(x: mx.array) -> mx.array:
    """e^x of float32 numbers up to 0, within a few units in the last place down to where the result hardly counts.

    The relative error grows with |x|, to 3e-7 at -10. It is for use inside functions that have a gradient of their own.
    """
    return mx.power(math.e, x) if EXP_IS_SLOW and mx.default_device() == mx.cpu else mx.exp(x)
