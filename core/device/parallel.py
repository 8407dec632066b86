"""Batches computed side by side on a processor.

MLX does the work of one stream on one thread, and only the matrix products in it are spread over the cores: for the
rest of a step all cores but one stand still. So several threads, each with a stream of its own, compute one batch each,
and a product takes one core meanwhile. What is computed stays the same, and the results come in the order of the
batches, whichever is done first.

An array that is not evaluated yet belongs to the stream of the thread that made it, and no other thread can evaluate
it. Whatever the models hold is therefore evaluated by the thread that made it: before the threads begin, and again
before a thread lets the next graph be built, because a layer may keep something for its next call.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import cache, partial
from typing import Any, TypeVar

import mlx.core as mx
import mlx.nn as nn

from core.device import openblas

_PLAIN = frozenset({str, int, float, bool, type(None)})  # no array lies in these

Item = TypeVar("Item")
Graph = TypeVar("Graph")


def map_in_order(
    build: Callable[[Item], Graph],
    items: Iterable[Item],
    parallel: int,
    *,
    models: Iterable[Any],
    one_at_a_time: bool = True,
) -> Iterator[tuple[Item, Graph]]:
    """Each item with what `build` makes of it, evaluated, in the order of the items.

    build     makes a graph (a tree of arrays) of an item. It may change a model while it does so, because one graph is
              built at a time; it must draw no random numbers, since each thread has a random state of its own
    items     what is not an MLX array: batches of NumPy arrays
    parallel  how many are computed at a time; 1: in turn, on this thread
    models    all that `build` uses and that holds arrays: the model in training, a teacher, a language model head
    one_at_a_time   False: `build` changes no model, and several threads may be in it

    What `build` raises is raised here.
    """
    if parallel == 1:
        for item in items:
            graph = build(item)
            mx.eval(graph)
            yield item, graph
        return
    models = list(models)
    building = threading.Lock()
    mx.eval(held_arrays(models))

    def compute(item: Item) -> Graph:
        with building if one_at_a_time else nullcontext():
            graph = build(item)
            if one_at_a_time:
                mx.eval(held_arrays(models))
        mx.eval(graph)
        return graph

    pending: deque[tuple[Item, Future[Graph]]] = deque()
    with openblas.one_thread():
        for item in items:
            pending.append((item, _threads(parallel).submit(compute, item)))
            if len(pending) > parallel:  # one waits for the thread that is free first
                item, future = pending.popleft()
                yield item, future.result()
        for item, future in pending:
            yield item, future.result()


def share_out(work: Callable[[int], Graph], count: int) -> list[Graph]:
    """The results of work(0) to work(count - 1), each on a core of its own; `work` computes without MLX.

    What it raises is raised when all have ended: none of them uses its memory any more.
    """
    others = [_threads(count - 1).submit(work, n) for n in range(1, count)]
    try:
        first = work(0)
    finally:
        wait(others)
    return [first, *(other.result() for other in others)]


def held_arrays(owner: Any) -> list[mx.array]:
    """Every array that an object holds, however deep: parameters, buffers, tables, what a layer keeps for later.

    Looks into modules, lists, tuples, mappings, closures, partial functions, and objects of Hone's and MLX's classes.
    """
    arrays: list[mx.array] = []
    visited: set[int] = set()
    waiting = [owner]
    while waiting:
        value = waiting.pop()
        if type(value) in _PLAIN or id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, mx.array):
            arrays.append(value)
        else:
            waiting.extend(_parts(value))
    return arrays


def _parts(value: Any) -> Iterable[Any]:
    """What an object is made of, as far as arrays may lie in it."""
    if type(value) is dict:
        return value.values()
    if type(value) is list or type(value) is tuple:
        return value
    if isinstance(value, nn.Module):  # the quick way, as a model is mostly of these: they neither close over nor bind
        return [*value.values(), *vars(value).values()]
    return _parts_of_others(value)


def _parts_of_others(value: Any) -> Iterator[Any]:
    if isinstance(value, str | bytes | int | float | bool | type) or value is None:
        return
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from value
    if isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords.values())
    for cell in getattr(value, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    bound_to = getattr(value, "__self__", None)
    if bound_to is not None:
        yield bound_to
    if type(value).__module__.startswith(("core.", "mlx")):
        yield from getattr(value, "__dict__", {}).values()


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """The threads, kept for the next time: the streams that MLX makes for a thread stay when it ends."""
    return ThreadPoolExecutor(count, "parallel-batch", lambda: mx.set_default_device(mx.cpu))
