"""The ranks of a run: one where it was started alone, more where mlx.launch, or Hone's own launcher, started it.

MLX's engine (ring over TCP, JACCL, NCCL or MPI) connects them, see core.distributed.mlx_group.
"""

from collections.abc import Sequence
from typing import Any

from core.errors import Unavailable
from core.text.sentence import say


class RankFailed(Unavailable):
    """Another rank has ended the run, and said why."""


class Group:
    """The ranks of a run and what they exchange. This one is a rank of its own, and exchanges nothing."""

    rank: int = 0
    size: int = 1
    backend: str = ""  # "ring", "jaccl", "nccl" or "mpi"
    names: Sequence[str] = ()  # of the ranks' machines, as people know them
    is_exchanging: bool = False  # whether this rank is in an exchange now, or waits for the others to come to it
    is_computing: bool = False  # whether that exchange ends only behind what this rank computes for a step or an answer
    longest: float = 0.0  # seconds of the longest exchange of that kind so far
    summing: int = 0  # bytes of the sum that this rank is in
    sent: int = 0  # bytes given to exchanges so far
    can_resume: bool = False  # whether what the ranks do is a run that has a checkpoint
    waited: float = 0.0  # seconds spent in exchanges so far: for the network, and for ranks that came later

    @property
    def mlx_group(self) -> Any:
        """MLX's own group, for its layers that exchange what they compute; None for a rank of its own."""
        return None

    @property
    def is_first(self) -> bool:
        """Whether this rank writes the run's folder and its events."""
        return self.rank == 0

    def name(self, rank: int) -> str:
        """The machine of a rank, for people."""
        if not self.names:
            return say("Rank {rank}", rank=rank)
        return say("{machine} (rank {rank})", machine=self.names[rank], rank=rank)

    def all_sum(self, tree: Any) -> Any:
        """A tree of arrays summed over all ranks: added in float32, each in the dtype that it has. Evaluated."""
        return tree

    def begin_sum(self, tree: Any, is_waiting: bool) -> Any:
        """all_sum() that is not evaluated: finish_sum() waits for it, or for what follows from it. `is_waiting` says
        that nothing else is left to compute then."""
        return tree

    def finish_sum(self, arrays: Any) -> None:
        """Evaluate what follows from begin_sum()."""

    def gather(self, value: Any) -> list[Any]:
        """A small value of every rank, by rank: None, bool, int, float, str, and lists and dicts of them."""
        return [value]

    def broadcast(self, value: Any = None) -> Any:
        """The small value that rank 0 gives, on all ranks."""
        return value

    def barrier(self) -> None:
        """Wait until every rank has come here."""

    def fail(self, sentence: str) -> None:
        """End the run on the other ranks: their next gather() raises RankFailed with this sentence."""

    def copy_from_first(self, tree: Any) -> Any:
        """A tree of arrays as rank 0 has it, on all ranks. The others bring one of the same shapes."""
        return tree

    def come_further(self) -> None:
        """Say that what the layers of a parted model exchange among themselves goes on; see core.model.together."""
