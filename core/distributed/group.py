"""The ranks of a run: one where it was started alone, more where mlx.launch, or Hone's own launcher, started it.

MLX's engine (ring over TCP, JACCL, NCCL or MPI) connects them. Every function of a group that exchanges something is
called by all ranks, in the same order and from one thread each: what one of them leaves out, the others wait for.
"""

import functools
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from core.errors import Unavailable
from core.text.sentence import pack, say, unpack

PIECE_BYTES = 32 << 20  # tensors smaller than this are sent together
SHORT_BYTES = 4096  # a Python value of at most so many bytes takes a single exchange
MOST_BYTES = 1 << 30  # of any
HEADER_BYTES = 8  # before it, its length and its checksum


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


class _MLXGroup(Group):
    """Ranks that are connected through MLX's engine."""

    def __init__(self, backend: str) -> None:
        import mlx.core as mx

        try:
            self._group = mx.distributed.init(strict=True, backend=backend)
        except RuntimeError as error:
            raise Unavailable(
                say("The ranks of this run could not be connected ({link}): {reason}.", link=backend, reason=error)
            ) from error
        self.rank, self.size, self.backend = self._group.rank(), self._group.size(), backend
        self._is_broken = False  # an exchange was begun and has not ended, or one of the ranks has failed
        self._sums_ahead = False  # whether begin_sum() is used
        self._began = 0.0  # when this rank came to the exchange that it is in
        self._is_waiting = False  # whether nothing was left to compute where a sum was begun ahead
        self._local = threading.local()

    @property
    def mlx_group(self) -> Any:
        return self._group

    def come_further(self) -> None:
        now = time.perf_counter()
        if self.is_exchanging and self.is_computing:
            self.longest = max(self.longest, now - self._began)
        self.is_exchanging, self.is_computing, self._began = True, True, now
        self.sent += 1

    @contextmanager
    def _exchange(self, size: int = 0) -> Iterator[None]:
        """Around what every rank takes part in, a sum of so many bytes or less: it is told while it lasts, and
        timed."""
        self._is_broken = self.is_exchanging = True
        self.is_computing, self.summing = False, size
        started = time.perf_counter()
        try:
            yield
        finally:
            self.is_exchanging, self.summing = False, 0
        self._is_broken, self.waited = False, self.waited + time.perf_counter() - started

    def all_sum(self, tree: Any) -> Any:
        import mlx.core as mx

        with self._exchange(_float32_bytes(tree)):
            total = self._sum(tree)
            mx.eval(total)
        return total

    def begin_sum(self, tree: Any, is_waiting: bool) -> Any:
        # Until finish_sum(), as whatever is evaluated meanwhile may come to stand in it.
        self._is_broken = self.is_exchanging = self._sums_ahead = True
        self._is_waiting, self.is_computing = is_waiting, not is_waiting
        self.summing, self._began = _float32_bytes(tree), time.perf_counter()
        return self._sum(tree)

    def finish_sum(self, arrays: Any) -> None:
        import mlx.core as mx

        try:
            began = time.perf_counter()
            mx.eval(arrays)
            ended = time.perf_counter()
        finally:
            self.is_exchanging, self.summing = False, 0
        self._is_broken = False
        if self.is_computing:
            self.longest = max(self.longest, ended - self._began)
        if self._is_waiting:
            self.waited += ended - began

    def _sum(self, tree: Any) -> Any:
        import mlx.core as mx
        from mlx.utils import tree_flatten, tree_unflatten

        # In the order of their names: a dict read from a file may have another one.
        leaves: list[tuple[str, mx.array]] = sorted(tree_flatten(tree), key=lambda leaf: leaf[0])
        sums: list[mx.array] = []
        total: mx.array | None = None
        for piece in _pieces([leaf for _, leaf in leaves]):
            flat = [leaf.reshape(-1).astype(mx.float32) for leaf in piece]
            vector = flat[0] if len(flat) == 1 else mx.concatenate(flat)
            self.sent += vector.nbytes
            if total is not None:  # one after the other, on every rank in the same order
                vector = mx.depends([vector], [total])[0]
            total = mx.distributed.all_sum(vector, group=self._group)
            ends, end = [], 0
            for leaf in piece[:-1]:
                end += leaf.size
                ends.append(end)
            parts = mx.split(total, ends) if ends else [total]
            sums += [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in zip(parts, piece, strict=True)]
        by_name = {name: total for (name, _), total in zip(leaves, sums, strict=True)}
        return tree_unflatten([(name, by_name[name]) for name, _ in tree_flatten(tree)])

    def gather(self, value: Any) -> list[Any]:
        gathered = self._gather({"value": value})
        for rank, entry in enumerate(gathered):
            if "failed" in entry:
                self._is_broken = True
                reason = entry["failed"]
                raise RankFailed(say("{machine} has ended the run: {reason}", machine=self.name(rank), reason=reason))
        return [entry["value"] for entry in gathered]

    def fail(self, sentence: str) -> None:
        # Where sums are begun ahead, the others may stand in one and not in a gather(): the watchdog ends them.
        if not self._is_broken and not self._sums_ahead:
            with suppress(RuntimeError):  # the others are gone as well
                self._gather({"failed": sentence})
            self._is_broken = True

    def copy_from_first(self, tree: Any) -> Any:
        import mlx.core as mx
        from mlx.utils import tree_map

        self.barrier()
        return self.all_sum(tree if self.rank == 0 else tree_map(mx.zeros_like, tree))

    def _gather(self, value: Any) -> list[Any]:
        data = json.dumps(pack(value), ensure_ascii=False).encode()
        with self._exchange():
            head = len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data[:SHORT_BYTES]
            heads = self._gather_bytes(head, HEADER_BYTES + SHORT_BYTES)
            lengths = [int.from_bytes(h[:4], "big") for h in heads]
            rests = [b""] * self.size
            if SHORT_BYTES < max(lengths) <= MOST_BYTES:
                rests = self._gather_bytes(data[SHORT_BYTES:], max(lengths) - SHORT_BYTES)
            whole = [(h[HEADER_BYTES:] + rest)[:n] for h, rest, n in zip(heads, rests, lengths, strict=True)]
            if [zlib.crc32(w).to_bytes(4, "big") for w in whole] != [h[4:HEADER_BYTES] for h in heads]:
                # MLX's ring gives numbers of no meaning once a connection is gone
                raise RuntimeError("What another rank sent is damaged: the connection to it is lost.")
        return [unpack(json.loads(w)) for w in whole]

    def broadcast(self, value: Any = None) -> Any:
        return self.gather(value if self.rank == 0 else None)[0]

    def barrier(self) -> None:
        self.gather(None)

    def _side_stream(self) -> Any:
        """Where small values are exchanged: over NCCL beside what the GPU computes, elsewhere MLX's choice."""
        import mlx.core as mx

        if self.backend != "nccl":
            return None
        if not hasattr(self._local, "stream"):
            self._local.stream = mx.new_stream(mx.gpu)
        return self._local.stream

    def _gather_bytes(self, data: bytes, length: int) -> list[bytes]:
        """So many bytes of each rank, filled up with zeros."""
        import mlx.core as mx
        import numpy as np

        self.sent += length
        padded = np.frombuffer(data.ljust(length, b"\0"), np.uint8)
        gathered = mx.distributed.all_gather(mx.array(padded), group=self._group, stream=self._side_stream())
        mx.eval(gathered)  # which lets other threads go on meanwhile, as a conversion to NumPy does not
        everything = bytes(np.array(gathered))
        return [everything[start : start + length] for start in range(0, len(everything), length)]


def _float32_bytes(tree: Any) -> int:
    """What the arrays of a tree take where they are summed."""
    from mlx.utils import tree_flatten

    return sum(4 * leaf.size for _, leaf in tree_flatten(tree))


def _pieces(arrays: list[Any]) -> list[list[Any]]:
    """The arrays in order, those that are small together in one list."""
    pieces: list[list[Any]] = []
    room = 0
    for array in arrays:
        need = 4 * array.size
        if need > room or not pieces:
            pieces.append([])
            room = PIECE_BYTES
        pieces[-1].append(array)
        room -= need
    return pieces


def launched_backend(environment: Mapping[str, str]) -> str | None:
    """The engine by which a launcher connects this process to others; None where it runs alone."""
    env = environment
    if env.get("MLX_RANK"):
        if env.get("MLX_IBV_DEVICES") and env.get("MLX_JACCL_COORDINATOR"):
            return "jaccl"
        if env.get("NCCL_HOST_IP") and int(env.get("MLX_WORLD_SIZE", "1")) > 1:
            return "nccl"
        hosts = env.get("MLX_HOSTFILE")
        if (
            hosts and os.path.exists(hosts) and os.path.getsize(hosts) > 1
        ):  # for one host mlx.launch writes an empty one
            return "ring"
    sizes = (env.get("OMPI_COMM_WORLD_SIZE"), env.get("PMI_SIZE"))
    return "mpi" if any(size and int(size) > 1 for size in sizes) else None


def rank_of(environment: Mapping[str, str]) -> int:
    """The rank that a launcher has given to this process, 0 where it runs alone; known before the ranks connect."""
    if launched_backend(environment) is None:
        return 0
    found = (environment.get(name) for name in ("MLX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"))
    return int(next((text for text in found if text), "0"))


@functools.cache
def current_group() -> Group:
    """The ranks that this process belongs to. Raises Unavailable where they cannot be connected."""
    backend = launched_backend(os.environ)
    return _MLXGroup(backend) if backend else Group()
