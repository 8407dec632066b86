"""The Core ML program of a chunk of consecutive blocks: what it takes, what it gives, and the file it is saved to.

Everything has the layout [1, channels, 1, length], which the Neural Engine computes in. Frozen linear layers are 1x1
convolutions with constant weights; the factors of LoRA adapters are inputs, so an optimizer step compiles nothing.
"""

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.nn as nn
import numpy as np

from core.ane.block import BlockShape, block_shape
from core.ane.coreml import load_coremltools
from core.ane.layers import LayerBuilder

BUCKETS = (128, 256, 512, 1024)  # lengths that programs are made for; shorter texts are padded on the right
GENERATOR = 1  # raised when a program for the same block changes
TAPPED = ("q", "k", "v", "o", "gate", "up")  # linears whose outputs a program gives too, for the gradient
INPUT = "x"


@dataclass(frozen=True)
class ChunkSpec:
    """What a program computes: its length, its precision, and whether it gives the outputs of the linears too."""

    length: int  # a bucket
    taps: bool = True
    dtype: type = np.float16  # float32 for a check on what the precision costs
    shapes: tuple[BlockShape, ...] = field(default=(), compare=False)  # of its blocks

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the inputs: x, and A [1, rank, 1, in] and B [1, out, 1, rank] of every adapter."""
        shapes: dict[str, tuple[int, ...]] = {INPUT: (1, self.shapes[0].hidden, 1, self.length)}
        for index, shape in enumerate(self.shapes):
            for name, rank in shape.ranks.items():
                inputs, outputs = linear_sizes(shape, name)
                shapes[factor_name(index, name, "a")] = (1, rank, 1, inputs)
                shapes[factor_name(index, name, "b")] = (1, outputs, 1, rank)
        return shapes

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs: of every block its taps and its output; without taps the last block's output alone."""
        if not self.taps:
            return (output_name(len(self.shapes) - 1, "out"),)
        return tuple(output_name(i, name) for i in range(len(self.shapes)) for name in (*TAPPED, "out"))


def bucket(length: int) -> int | None:
    """The shortest length of BUCKETS that a text of this length fits in; None where it is too long."""
    return next((b for b in BUCKETS if length <= b), None)


def factor_name(block: int, linear: str, factor: str) -> str:
    """The input for factor "a" or "b" of a linear's adapter."""
    return f"block{block}_{linear}_{factor}"


def output_name(block: int, linear: str) -> str:
    """The output for what a linear gives, or with "out" the block."""
    return f"block{block}_{linear}_out" if linear != "out" else f"block{block}_out"


def linear_sizes(shape: BlockShape, name: str) -> tuple[int, int]:
    """(inputs, outputs) of a linear of a block."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return {
        "q": (shape.hidden, queries),
        "k": (shape.hidden, keys),
        "v": (shape.hidden, keys),
        "o": (queries, shape.hidden),
        "gate": (shape.hidden, shape.intermediate),
        "up": (shape.hidden, shape.intermediate),
        "down": (shape.intermediate, shape.hidden),
    }[name]


def chunk_spec(blocks: Sequence[nn.Module], length: int, *, taps: bool = True, dtype: type = np.float16) -> ChunkSpec:
    """The spec of a program for these blocks at a length of BUCKETS."""
    return ChunkSpec(length, taps, dtype, tuple(block_shape(block) for block in blocks))


def save_program(blocks: Sequence[nn.Module], spec: ChunkSpec, folder: Path) -> None:
    """Build the program of consecutive blocks and save it as `folder`, an .mlpackage, in place of one there.

    Raises ValueError where a weight is too large for the precision.
    """
    ct = load_coremltools()
    program = _build(blocks, spec)
    shutil.rmtree(folder, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the removal of a folder to the garbage collector
        ct.convert(
            program,
            convert_to="mlprogram",
            compute_precision=ct.precision.FLOAT32,  # the program has its precision already: nothing is to be cast
            minimum_deployment_target=ct.target.macOS15,
            skip_model_load=True,
            package_dir=str(folder),
        )


def _build(blocks: Sequence[nn.Module], spec: ChunkSpec) -> Any:
    """The program, in coremltools' own form."""
    ct = load_coremltools()
    from coremltools.converters.mil import Builder as mb
    from coremltools.converters.mil.mil import Function, Program, types

    mil_type = types.fp16 if spec.dtype is np.float16 else types.fp32
    placeholders = {name: mb.placeholder(shape, dtype=mil_type) for name, shape in spec.inputs.items()}
    with Function(placeholders, opset_version=ct.target.iOS18) as function:
        build = LayerBuilder(mb, spec.dtype, spec.length)
        x, outputs = function.inputs[INPUT], {}
        for index, (block, shape) in enumerate(zip(blocks, spec.shapes, strict=True)):
            factors = {
                name: tuple(function.inputs[factor_name(index, name, factor)] for factor in "ab")
                for name in shape.ranks
            }
            names = {name: output_name(index, name) for name in (*TAPPED, "out")}
            found = build.block(x, block, shape, factors, names)
            x = found["out"]
            outputs.update({names[name]: value for name, value in found.items()})
        function.set_outputs([outputs[name] for name in spec.outputs])
    program = Program()
    program.add_function("main", function)
    return program
