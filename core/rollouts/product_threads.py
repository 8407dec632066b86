"""On how many cores a product is computed while a model writes.

OpenBLAS spreads products over the cores from a size on at which waiting for each other costs more than it saves, and a
core that waits is busy: beside it, the next token's graph has to be built. Measured on the starter model, 8 answers at
once, two cores with other work: 2.6 times the answer tokens per second of processor time with one core a product.
"""

from contextlib import AbstractContextManager, nullcontext

import mlx.core as mx
import mlx.nn as nn

from core.device import openblas

SMALL = 4_000_000  # multiplications of a product: about a fifth of a millisecond on one core


def product_threads(model: nn.Module, rows: int) -> AbstractContextManager[None]:
    """Within it products take one core each where those of so many rows with the model's layers are small."""
    sizes = [module.weight.size for module in model.modules() if isinstance(module, nn.Linear)]
    if mx.default_device().type != mx.cpu or not sizes or rows * max(sizes) > SMALL:
        return nullcontext()
    return openblas.one_thread()
