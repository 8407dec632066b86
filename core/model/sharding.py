"""A model parted over the ranks of a group, for models that are larger than the memory of one machine.

mlx-lm's own model classes do it, in two ways. Tensor: every rank computes its share of the heads and of the width of
each layer, and their results are summed twice a layer. Pipeline: every rank computes some of the layers, one after the
other. Weights are read when they are first evaluated, and each rank keeps only its part of them.
"""

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from core.distributed.group import Group
from core.distributed.machines import SHARDINGS
from core.errors import BadModel
from core.quant import PackedExperts, PackedLinear
from core.quant.modes import UNPACKED
from core.text import reasons
from core.text.sentence import join, say

AUTO, TENSOR, PIPELINE, NONE = SHARDINGS
ROOM = 0.9  # of a machine's memory that weights may take: keys, values and activations need some too
_NAMES = {TENSOR: say("by tensors"), PIPELINE: say("by layers")}


@dataclass(frozen=True)
class Sharding:
    """How a model is to be parted, and over which ranks."""

    way: str  # one of SHARDINGS; AUTO: where it does not fit into the memory of every machine
    group: Group
    usable: int  # bytes of memory on this machine
    neighbours: int = 1  # ranks that this memory is for, this one with them
    prepare: Callable[[nn.Module], None] | None = None  # done to a whole model before it is parted by tensors
    finish: Callable[[nn.Module], None] | None = None  # and to the part, before its weights are read
    reason: str = ""  # why it is parted


class Idle(Exception):
    """The model is whole on the first rank, and this is another one, which has nothing to do."""


def count_neighbours(group: Group) -> int:
    """The ranks that share the memory of this one's device, which on NVIDIA GPUs each has for itself. All call it."""
    hosts = group.gather(socket.gethostname())
    has_own = mx.default_device() == mx.gpu and mx.cuda.is_available()
    return 1 if has_own else hosts.count(hosts[group.rank])


def describe(wanted: Sharding | None, way: str) -> str:
    """How a model is parted, in a sentence; "" where nobody asked."""
    if wanted is None:
        return ""
    if way == NONE:
        return say("The first machine has the whole model, and the others do nothing.")
    return say("The model is parted {names} over {size} ranks.", names=_NAMES[way], size=wanted.group.size)


def model_ways(model: nn.Module) -> tuple[str, ...]:
    """The ways in which a model can be parted."""
    has = {TENSOR: hasattr(model, "shard"), PIPELINE: hasattr(getattr(model, "model", None), "pipeline")}
    return tuple(way for way, is_there in has.items() if is_there)


def family_ways(model_type: str) -> tuple[str, ...]:
    """The same by mlx-lm's class for a model_type, with no model at hand.

    Of the classes beside it, one that has blocks says whether they can be given to several ranks. A model_type that
    stands only inside another has no class.
    """
    from mlx_lm.utils import _get_classes

    try:
        model_class, _ = _get_classes({"model_type": model_type})
    except ValueError:
        return ()
    modules = [sys.modules[c.__module__] for c in model_class.__mro__ if c.__module__.startswith("mlx_lm.models.")]
    beside = [c for m in modules for c in vars(m).values() if isinstance(c, type) and c.__module__ == m.__name__]
    has = {TENSOR: hasattr(model_class, "shard"), PIPELINE: any(hasattr(c, "pipeline") for c in beside)}
    return tuple(way for way, is_there in has.items() if is_there)


def build_sharded(
    build: Callable[[], nn.Module],
    wanted: Sharding,
    bytes_needed: Callable[[nn.Module], float],
    packing: str = UNPACKED,
) -> tuple[nn.Module, str]:
    """(a model, parted as is wanted; the way that was used, NONE where it is whole).

    Arguments:
        build: makes the whole model, its weights unread.
        wanted: how, and over which ranks.
        bytes_needed: what the weights of a model, or of a part of one, take once they are read.
        packing: the format in which its matrices will be packed then, one of core.quant.MODES.

    Every rank calls it. Raises BadModel, on all ranks, where the model cannot be parted so, or its parts are still
    too large; the sentence says why. Raises Idle where the first rank has the model alone, on the others.
    """
    group, model = wanted.group, build()
    fits = bytes_needed(model) <= ROOM * wanted.usable
    if wanted.way == NONE or (wanted.way == AUTO and group.broadcast(fits)):
        if not group.is_first:
            raise Idle
        return model, NONE
    ways = model_ways(model)
    asked = (TENSOR, PIPELINE) if wanted.way == AUTO else (wanted.way,)
    obstacles = [_cannot(model, way, group.size) for way in asked if way not in ways]
    for way in (way for way in asked if way in ways):
        try:
            _split(model, way, wanted, packing)
        except BadModel as error:
            obstacles.append(str(error))
            model = build()  # the other is left as far as it came
            continue
        _check_parts(bytes_needed(model), wanted)
        return model, way
    raise BadModel(join(obstacles))


def read_by_blocks(model: nn.Module) -> None:
    """Read the weights of this rank's part, a block at a time: what is not kept of a block is gone before the next."""
    for block in model.layers:
        if block is not None:
            mx.eval(block.parameters())
    mx.eval(model.parameters())


def _check_parts(needed: float, wanted: Sharding) -> None:
    """Raises BadModel, on all ranks, where the part of one of them is more than it can hold."""
    group, own = wanted.group, wanted.usable // wanted.neighbours
    for rank, (need, usable) in enumerate(group.gather([needed, own])):
        if need > ROOM * usable:
            raise BadModel(
                say(
                    "The model is too large for {count} machines: a part of it takes {needed:.1f} GB, and {rank} can "
                    "use {usable:.1f} GB.",
                    count=group.size,
                    needed=need / 1e9,
                    rank=group.name(rank),
                    usable=usable / 1e9,
                )
            )


def _cannot(model: nn.Module, way: str, ranks: int, reason: str = "") -> str:
    kind = getattr(model, "model_type", type(model).__name__)
    reason = reason or say("mlx-lm has no code for that in this family")
    return say(
        "A model of the kind {kind} cannot be parted {names} over {ranks} ranks: {reason}.",
        kind=kind,
        names=_NAMES[way],
        ranks=ranks,
        reason=reason,
    )


def _split(model: nn.Module, way: str, wanted: Sharding, packing: str) -> None:
    """Part a model whose class can be; it is of no use where that fails. Raises BadModel."""
    ranks = wanted.group.size
    if way == PIPELINE:
        count = len(model.model.layers)
        if count < ranks:
            raise BadModel(
                _cannot(
                    model,
                    way,
                    ranks,
                    say("it has only 1 layer") if count == 1 else say("it has only {count} layers", count=count),
                )
            )
        model.model.pipeline(wanted.group.mlx_group)
        return
    if packing != UNPACKED:
        need = say(
            "packing it as {packing} on the way needs whole layers; take it packed in MLX's format, or by layers",
            packing=packing,
        )
        raise BadModel(_cannot(model, way, ranks, need))
    if wanted.prepare is not None:
        wanted.prepare(model)
    if any(isinstance(m, PackedLinear | PackedExperts) for _, m in model.named_modules()):
        formats = say("nf4, fp4 and int8 can be parted by layers alone")
        raise BadModel(
            _cannot(model, way, ranks, say("{formats}; tensors can be parted in MLX's own formats", formats=formats))
        )
    before = _counts(model)
    error: Exception | None = None
    try:
        model.shard(wanted.group.mlx_group)
    except Exception as raised:  # what mlx-lm raises for sizes that do not go together is of many kinds
        error = raised
    if reason := _indivisible(before, _counts(model), ranks):
        raise BadModel(_cannot(model, way, ranks, reason)) from error
    if error is not None:
        raise BadModel(_cannot(model, way, ranks, _describe(error, ranks))) from error
    if wanted.finish is not None:
        wanted.finish(model)


def _counts(model: nn.Module) -> dict[tuple[str, str], int]:
    """The whole numbers that modules keep beside their weights: how many heads there are, and so on."""
    return {
        (name, key): value
        for name, module in model.named_modules()
        for key, value in vars(module).items()
        if type(value) is int and not key.startswith("_")
    }


def _indivisible(before: dict[tuple[str, str], int], after: dict[tuple[str, str], int], ranks: int) -> str:
    """Which of the numbers that mlx-lm divided by the ranks was no multiple of them: it rounds down and says nothing.

    A single head may stand for several ranks, where a family gives each of them a copy.
    """
    for place, count in before.items():
        left = after.get(place, count)
        is_copied = left == 1 and ranks % count == 0
        if left != count and left * ranks != count and not is_copied:
            what = _words(place[1], count)
            return say("{count} {what} cannot be divided by {ranks}", count=count, what=what, ranks=ranks)
    return ""


def _words(attribute: str, count: int) -> str:
    if "head" not in attribute:
        return say("of {attribute}", attribute=attribute)
    if "kv" in attribute or "key_value" in attribute:
        return say("head of keys and values") if count == 1 else say("heads of keys and values")
    return say("head") if count == 1 else say("heads")


def _describe(error: Exception, ranks: int) -> str:
    if "split" in str(error) or "shard" in str(error):
        return say("the width of a layer, or its groups of packed weights, cannot be divided by {ranks}", ranks=ranks)
    return reasons.reason(error)


def count_bytes(model: nn.Module, number_bytes: int, packed_bits: int | None = None) -> float:
    """What a model's weights take once they are read and cast.

    Arguments:
        number_bytes: of a number that is computed with.
        packed_bits: of a number in a layer that will be packed, where matrices are packed as they are read.
    """
    total = 0.0
    for _, value in tree_flatten(model.parameters()):
        if not mx.issubdtype(value.dtype, mx.floating):
            total += value.nbytes
        elif packed_bits and value.ndim > 1:
            total += value.size * packed_bits / 8
        else:
            total += value.size * number_bytes
    return total
