"""Ranks that MLX's engine connects: what they exchange, whole sums of tensors and small values.

Every function that exchanges something is called by all ranks, in the same order and from one thread each: what one of
them leaves out, the others wait for.
"""

import json
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from core.distributed.group import Group, RankFailed
from core.errors import Unavailable
from core.text.sentence import pack, say, unpack

PIECE_BYTES = 32 << 20  # tensors smaller than this are sent together
SHORT_BYTES = 4096  # a Python value of at most so many bytes takes a single exchange
MOST_BYTES = 1 << 30  # of any
HEADER_BYTES = 8  # before it, its length and its checksum


class MLXGroup(Group):
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
