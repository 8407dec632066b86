"""What adapters of fused blocks multiply by: each layer's own factors, or those of all blocks made ready at once."""

from collections.abc import Mapping, Sequence

import mlx.core as mx

from core.adapters.grouped_linear import GroupedLinear
from core.adapters.stacked_factors import Factors, KeptFactors, keep_factors, split_blocks

Group = tuple[str, ...]  # layers of a block that have the same input: ("mlp.gate_proj", "mlp.up_proj")
# Without those of layers that put their own together when they are called.
FactorsOfGroups = Mapping[Group, Factors | KeptFactors]


class BlockFactors:
    """The factors of each block's groups of layers."""

    def __init__(self, blocks: Sequence[Mapping[Group, GroupedLinear]]) -> None:
        self._blocks = tuple(blocks)
        # The trained tensors of all blocks where a step differentiates by them: scaled, in the dtype that is computed
        # in, [L, in, rank] and [L, rank, out] by names like "self_attn.q_proj.lora_a".
        self.stacks: dict[str, mx.array] = {}
        self._kept: dict[mx.Dtype, list[FactorsOfGroups]] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether there are some that were put together once for all calls: between keep(True) and keep(False)."""
        return bool(self._kept)

    def keep(self, is_kept: bool) -> None:
        """Put the layers' factors together at the next call, for all that follow; False: at every call again."""
        self._kept = {} if is_kept else None

    def __call__(self, dtype: mx.Dtype) -> list[FactorsOfGroups]:
        """For each block, factors in this dtype."""
        if self.stacks:
            return self._from_stacks()
        if self._kept is None:
            return [{} for _ in self._blocks]
        if dtype not in self._kept:
            own = [{group: linear.factors(dtype) for group, linear in block.items()} for block in self._blocks]
            kept = [{g: keep_factors(pair) for g, pair in block.items() if pair is not None} for block in own]
            mx.eval(kept)
            self._kept[dtype] = list(kept)
        return self._kept[dtype]

    def _from_stacks(self) -> list[FactorsOfGroups]:
        of_blocks = list[dict[Group, Factors]]({} for _ in self._blocks)
        for group, linear in self._blocks[0].items():
            tensors = [(self.stacks.get(f"{path}.lora_a"), self.stacks.get(f"{path}.lora_b")) for path in group]
            joined = linear.join_factors([None if a is None or b is None else (a, b) for a, b in tensors])
            if joined is not None:
                for own, a, b in zip(of_blocks, *map(split_blocks, joined), strict=True):
                    own[group] = a, b
        return list(of_blocks)
