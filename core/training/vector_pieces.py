"""What a vector of trained tensors is made of: tensors end to end, or those of all blocks of a model as stacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import mlx.core as mx

ANY = "*"  # in a stack's name, in the place of a block's number


@dataclass(frozen=True)
class Tensor:
    """One tensor."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return prod(self.shape)

    def split(self, part: mx.array) -> dict[str, mx.array]:
        """The tensor by its name, from its part of a vector."""
        return {self.name: part.reshape(self.shape)}

    def join(self, tensors: dict[str, mx.array]) -> mx.array:
        """The reverse of split()."""
        return tensors[self.name].reshape(-1)


@dataclass(frozen=True)
class Stacks:
    """The tensors of all blocks, block after block, in each the same."""

    count: int
    tensors: tuple[Tensor, ...]  # of a block, with ANY in their names

    @property
    def size(self) -> int:
        return self.count * sum(tensor.size for tensor in self.tensors)

    def split(self, part: mx.array) -> dict[str, mx.array]:
        """Each tensor of all blocks as one [blocks, *shape], from their part of a vector; nothing is copied."""
        rows, first, stacks = part.reshape(self.count, -1), 0, {}
        for tensor in self.tensors:
            stacks[tensor.name] = rows[:, first : first + tensor.size].reshape(self.count, *tensor.shape)
            first += tensor.size
        return stacks

    def join(self, stacks: dict[str, mx.array]) -> mx.array:
        """The reverse of split()."""
        return mx.concatenate([stacks[t.name].reshape(self.count, -1) for t in self.tensors], axis=1).reshape(-1)


Piece = Tensor | Stacks


def with_stacks(tensors: Sequence[Tensor], prefix: str) -> list[Piece]:
    """The pieces of a vector of these tensors: those called `prefix` NUMBER . REST as stacks, if all blocks, from 0 on,
    have the same ones, one block after the other."""
    places = [n for n, tensor in enumerate(tensors) if tensor.name.startswith(prefix)]
    numbers = [tensors[n].name.removeprefix(prefix).partition(".")[0] for n in places]
    count = len(set(numbers))
    stacks = Stacks(count, tuple(_any(tensors[n], prefix) for n in places[: len(places) // max(1, count)]))
    expected = [tensor for number in range(count) for tensor in _tensors(stacks, number)]
    first, end = (places[0], places[-1] + 1) if places else (0, 0)
    if not places or list(tensors[first:end]) != expected:
        return list(tensors)
    return [*tensors[:first], stacks, *tensors[end:]]


def of_block(name: str, number: int) -> str:
    """The name of a block's own tensor, from a stack's."""
    return name.replace(ANY, str(number))


def _any(tensor: Tensor, prefix: str) -> Tensor:
    rest = tensor.name.removeprefix(prefix).partition(".")[2]
    return Tensor(f"{prefix}{ANY}.{rest}", tensor.shape)


def _tensors(stacks: Stacks, number: int) -> list[Tensor]:
    return [Tensor(of_block(tensor.name, number), tensor.shape) for tensor in stacks.tensors]
