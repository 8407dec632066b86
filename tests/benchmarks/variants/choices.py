"""The variants of a step by name, and the pieces each takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pieces:
    """Which pieces a step takes."""

    add_norm: bool = False
    swiglu: bool = False
    qk_rope: bool = False
    split: int = 1  # parts that the rows are summed in for the gradients of A and B
    transposed: bool = False  # the gradient of A computed as its transpose
    checkpointing: bool = False
    lora: bool = True  # False: as if the adapter were not there
    recompute_swiglu: bool = False  # silu(gate) up is computed again for the gradient


KERNELS = Pieces(add_norm=True, swiglu=True, qk_rope=True)
VARIANTS: dict[str, Pieces] = {
    "grouped": Pieces(),
    "grouped, all kernels": KERNELS,
    "grouped, all kernels, sums in 8": Pieces(True, True, True, split=8),
    "grouped, all kernels, checkpointing": Pieces(True, True, True, checkpointing=True),
    "grouped, add_norm": Pieces(add_norm=True),
    "grouped, swiglu": Pieces(swiglu=True),
    "grouped, qk_rope": Pieces(qk_rope=True),
    "grouped, sums in 8": Pieces(split=8),
    "grouped, A transposed": Pieces(transposed=True),
    "grouped, all kernels, swiglu again": Pieces(True, True, True, recompute_swiglu=True),
    "no adapters, all kernels": Pieces(True, True, True, lora=False),
    "no adapters": Pieces(lora=False),
}
PRODUCT, PRODUCT_CHECKPOINTING, PEER = "product", "product, checkpointing", "mlx-lm"
BEFORE, BEFORE_CHECKPOINTING = "own blocks", "own blocks, checkpointing"  # the product without fuse_blocks()
LARGE = {"7 B": "none", "7 B, NF4": "nf4"}  # the base's precision
PRODUCTS = (PRODUCT, PRODUCT_CHECKPOINTING, BEFORE, BEFORE_CHECKPOINTING, *LARGE)
NAMES = [PRODUCT, PEER, *VARIANTS, PRODUCT_CHECKPOINTING]
