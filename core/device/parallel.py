"""Batches side by side on a processor.

MLX does the work of one stream on one thread, and only the products in it are spread over the cores: for the rest of a
step all cores but one stand still. So each lane is a thread with a stream of its own, and a product takes one core.
What is computed stays the same, and what comes out comes in the order of the batches, whichever is done first.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import mlx.core as mx

from core.device import openblas

Given = TypeVar("Given")
Made = TypeVar("Made")


def map_in_order(build: Callable[[Given], Made], given: Iterable[Given], at_once: int) -> Iterator[tuple[Given, Made]]:
    """(each, what `build` makes of it, evaluated), in order; so many at once, 1 for in turn on this thread.

    Where several are, `build` may change a model while it makes its graph, for one graph is made at a time. It must
    draw no random numbers and use nothing that is not evaluated yet: each thread has its own state and its own streams.
    """
    if at_once == 1:
        for item in given:
            graph = build(item)
            mx.eval(graph)
            yield item, graph
        return
    building = threading.Lock()

    def made(item: Given) -> Made:
        with building:
            graph = build(item)
        mx.eval(graph)
        return graph

    begun: deque[tuple[Given, Future[Made]]] = deque()
    with openblas.one_thread():
        for item in given:
            begun.append((item, _threads(at_once).submit(made, item)))
            if len(begun) > at_once:  # one waits for the lane that is free first
                item, future = begun.popleft()
                yield item, future.result()
        for item, future in begun:
            yield item, future.result()


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """The threads, kept for the next time: the streams that MLX makes for a thread stay when it ends."""
    return ThreadPoolExecutor(count, "lane", lambda: mx.set_default_device(mx.cpu))
