"""Blocks of a model that a program computes forward, while MLX computes their gradient.

Installed, the class of each block's instance is replaced: parameters keep their names, and saved adapters are the same.
The first block of a chunk gives the output of all its blocks, the others hand on what they get. A call that no program
can serve goes to MLX and is counted with its reason.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core.ane.block import LINEARS
from core.ane.feed import Array, factor_inputs, factors, from_program, lora_layers, to_program
from core.ane.program import INPUT, TAPPED, ChunkSpec, output_name
from core.ane.runner import Closable, Runner, RunnerError
from core.ane.tap_linear import OnEngine, own_class, tapped_copy
from core.model.patch import patch_module, restore_module
from core.text.sentence import say

MAX_ERROR = 2e-2  # of a chunk's output, as a share of the largest value, before the engine is switched off

Factors = dict[str, tuple[mx.array, mx.array]]  # lora_a [in, rank] and lora_b [rank, out] by "block0_q" and so on


@dataclass
class Chunk:
    """Consecutive blocks that one program computes."""

    blocks: Sequence[nn.Module]
    spec: ChunkSpec
    runner: Runner
    has_gradient: bool  # False below the first adapter: nothing there is trained
    was_kept: bool = False  # whether its program was made before, for another run
    is_serving: bool = False  # whether the program served the call that the blocks are in

    @property
    def factors(self) -> Factors:
        """The adapters' arrays as they are now."""
        return {f"block{i}_{name}": (layer.lora_a, layer.lora_b) for i, name, layer in lora_layers(self.blocks)}


@dataclass
class Engine:
    """The chunks of a model, and what became of their calls."""

    chunks: list[Chunk]
    served: int = 0  # calls
    fallbacks: Counter[str] = field(default_factory=Counter)  # calls that went to MLX, by their reason
    failure: str = ""  # why programs are no longer used; "" while they are
    seconds: dict[str, float] = field(default_factory=lambda: {"program": 0.0, "copies": 0.0})  # since the start
    blocks_computed: int = 0  # by programs, for one text each
    largest_error: float = 0.0  # of the comparisons so far
    is_installed: bool = False
    _compare: int | None = None  # the chunk whose next call is compared with MLX

    def install(self) -> None:
        """Let the programs compute the blocks of every chunk. mx.compile and gradient checkpointing must be off."""
        self.is_installed = True
        for index, chunk in enumerate(self.chunks):
            calls = [self._head_call(index), *[_follower_call(chunk)] * (len(chunk.blocks) - 1)]
            for block, call in zip(chunk.blocks, calls, strict=True):
                if not isinstance(block, OnEngine):
                    patch_module(block, OnEngine, call)

    def uninstall(self) -> None:
        """Undo install(): the model is as it was. Where something else was put around a block meanwhile, the block
        keeps its class, and computes in MLX."""
        self.is_installed = False
        for chunk in self.chunks:
            chunk.is_serving = False
            for block in chunk.blocks:
                if type(block).__mro__[1] is OnEngine:
                    restore_module(block)

    def close(self) -> None:
        """Uninstall it, and let go of the programs."""
        self.uninstall()
        for chunk in self.chunks:
            if isinstance(chunk.runner, Closable):
                chunk.runner.close()
        self.fail(say("it was closed"))

    def fail(self, reason: str) -> None:
        """Use no program any more; the blocks compute in MLX from the next call on."""
        self.failure = self.failure or reason

    def compare_next(self, index: int) -> None:
        """Compare the next call of a chunk with MLX, and switch the engine off where they differ too much."""
        self._compare = index % len(self.chunks)

    def _head_call(self, index: int) -> Callable[..., Any]:
        chunk = self.chunks[index]

        def call(block: Any, x: mx.array, mask: Any = None, cache: Any = None) -> Any:
            chunk.is_serving = False
            if not self.is_installed:
                return _original(block)(block, x, mask, cache)
            reason = say("switched off") if self.failure else refusal(chunk, x, mask, cache)
            outputs = None if reason else self._run(chunk, x)
            if outputs is None:
                self.fallbacks[reason or "failed"] += 1
                return _original(block)(block, x, mask, cache)
            if self._compare == index:
                self._check(chunk, x, outputs)
            chunk.is_serving = True
            self.served += 1
            return differentiable(chunk, x, outputs)

        return call

    def _run(self, chunk: Chunk, x: mx.array) -> dict[str, mx.array] | None:
        """The program's outputs [B, n, channels] for x [B, n, hidden], or None where it failed."""
        started = time.perf_counter()
        in_program = 0.0
        inputs, rows = factor_inputs(chunk.blocks, chunk.spec, factors(chunk.blocks)), []
        try:
            for row in range(x.shape[0]):
                feed = inputs | {INPUT: to_program(x[row : row + 1], chunk.spec)}
                before = time.perf_counter()
                outputs = chunk.runner.run(feed)
                in_program += time.perf_counter() - before
                _check_outputs(outputs, chunk.spec, x.shape[1])
                rows.append(outputs)
        except RunnerError as error:
            self.fail(str(error))
            return None
        keep = mx.float32 if chunk.spec.dtype is np.float32 else mx.float16
        found = {
            name: mx.concatenate([from_program(row[name], x.shape[1], keep) for row in rows])
            for name in chunk.spec.outputs
        }
        self.blocks_computed += x.shape[0] * len(chunk.blocks)
        self.seconds["program"] += in_program
        self.seconds["copies"] += time.perf_counter() - started - in_program
        return found

    def _check(self, chunk: Chunk, x: mx.array, outputs: Mapping[str, mx.array]) -> None:
        self._compare = None
        want, got = in_mlx(chunk, x), outputs[chunk.spec.outputs[-1]]
        error = float(mx.abs(want - got).max() / mx.maximum(mx.abs(want).max(), 1e-6))
        self.largest_error = max(self.largest_error, error)
        if not error <= MAX_ERROR:
            self.fail(
                say(
                    "its results differ from MLX's by {error:.1%}, more than {max_error:.0%}",
                    error=error,
                    max_error=MAX_ERROR,
                )
            )


def refusal(chunk: Chunk, x: mx.array, mask: Any, cache: Any) -> str:
    """Why a program cannot serve a call, in a word or two; "" where it can."""
    if cache is not None:
        return "cache"
    if not (isinstance(mask, str) and mask == "causal"):
        return "mask"
    if x.shape[1] > chunk.spec.length:
        return "length"
    return ""


def differentiable(chunk: Chunk, x: mx.array, outputs: Mapping[str, mx.array]) -> mx.array:
    """The chunk's output, in x's precision, with its gradient to x and to the adapters."""
    result = outputs[chunk.spec.outputs[-1]].astype(x.dtype)
    if not chunk.has_gradient:
        return result
    names = list(chunk.factors)
    scales = {f"block{i}_{name}": layer.scale if layer.enabled else 0.0 for i, name, layer in lora_layers(chunk.blocks)}
    flat = [array for pair in chunk.factors.values() for array in pair]

    @mx.custom_function
    def forward(x: mx.array, *flat: mx.array) -> mx.array:
        return result

    @forward.vjp
    def backward(primals: Any, grad: mx.array, y: mx.array) -> Any:
        def again(x: mx.array, *flat: mx.array) -> mx.array:
            factors = {name: (flat[2 * i], flat[2 * i + 1]) for i, name in enumerate(names)}
            return _tapped(chunk, x, factors, scales, outputs) if chunk.spec.taps else in_mlx(chunk, x, factors)

        primals = primals if isinstance(primals, tuple | list) else (primals,)
        return tuple(mx.vjp(again, list(primals), [grad])[1])

    y: mx.array = forward(x, *flat)
    return y


def in_mlx(chunk: Chunk, x: mx.array, factors: Factors | None = None) -> mx.array:
    """The chunk's output as the blocks' own code computes it, with these factors in place of the blocks' own."""
    layers = {f"block{i}_{name}": layer for i, name, layer in lora_layers(chunk.blocks)}
    before = chunk.factors
    try:
        for name, (a, b) in (factors or before).items():
            layers[name].lora_a, layers[name].lora_b = a, b
        for block in chunk.blocks:
            x = _original(block)(block, x, "causal", None)
        return x
    finally:
        for name, (a, b) in before.items():
            layers[name].lora_a, layers[name].lora_b = a, b


def _tapped(
    chunk: Chunk, x: mx.array, factors: Factors, scales: dict[str, float], outputs: Mapping[str, mx.array]
) -> mx.array:
    """The chunk's output from the outputs of its linears, to be differentiated."""
    block_input = mx.stop_gradient(x)
    for index, block in enumerate(chunk.blocks):
        known = {name: outputs[output_name(index, name)] for name in TAPPED}
        out = outputs[output_name(index, "out")]
        known["down"] = out.astype(mx.float32) - (block_input + known["o"].astype(x.dtype)).astype(mx.float32)
        of_block = {
            name: (*factors[f"block{index}_{name}"], scales[f"block{index}_{name}"])
            for name in LINEARS
            if f"block{index}_{name}" in factors
        }
        x = tapped_copy(block, known, of_block)(x, "causal", None)
        block_input = out.astype(x.dtype)
    return x


def _original(block: nn.Module) -> Callable[..., Any]:
    """The call of the block's own class."""
    call: Callable[..., Any] = own_class(block).__call__
    return call


def _follower_call(chunk: Chunk) -> Callable[..., Any]:
    def call(block: Any, x: mx.array, mask: Any = None, cache: Any = None) -> Any:
        return x if chunk.is_serving else _original(block)(block, x, mask, cache)

    return call


def _check_outputs(outputs: Mapping[str, Array], spec: ChunkSpec, length: int) -> None:
    """Raise RunnerError where outputs are missing or not finite. What lies beyond the text does not count."""
    missing = [name for name in spec.outputs if name not in outputs]
    if missing:
        raise RunnerError(say("the program gave no {missing}", missing=missing[0]))
    for name in spec.outputs:
        if not np.isfinite(outputs[name][..., :length]).all():
            raise RunnerError(say("the program gave values that are not finite"))
