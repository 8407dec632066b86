"""On how many cores a product is computed while a model writes.

OpenBLAS spreads products over the cores from a size on at which waiting for each other costs more than it saves, and a
core that waits is busy: beside it, the next token's graph has to be built. Where other programs work, a product waits
for its second half until that gets a turn. Measured on the starter model and two cores, 64 answers at once: 12 to 14 ms
a token with one core a product and 11 with both; beside other work 16 to 19 and 46 to 88; of 32 answers 9 to 12 and 51
to 456.
"""

from contextlib import AbstractContextManager, nullcontext

import mlx.core as mx
import mlx.nn as nn

from core.device import openblas

SMALL = 16_000_000  # multiplications of a product: about a millisecond on one core


def product_threads(model: nn.Module, rows: int) -> AbstractContextManager[None]:
    """Within it products take one core each where those of so many rows with the model's layers are small."""
    sizes = [module.weight.size for module in model.modules() if isinstance(module, nn.Linear)]
    if mx.default_device().type != mx.cpu or not sizes or rows * max(sizes) > SMALL:
        return nullcontext()
    return openblas.one_thread()
