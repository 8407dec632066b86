"""A kernel for CUDA from the same parts as MLX's mx.fast.cuda_kernel, compiled once on a machine."""

import functools
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import mlx.core as mx

from core.device.cuda_compiler import NAME, CompileError, Program, get_program

_TYPES = {
    mx.bool_: "bool",
    mx.uint8: "unsigned char",
    mx.int8: "signed char",
    mx.int32: "int",
    mx.uint32: "unsigned int",
    mx.float16: "__half",
    mx.bfloat16: "__nv_bfloat16",
    mx.float32: "float",
}


class CudaKernel:
    """A kernel from its body, called as those of mx.fast.cuda_kernel are.

    name, inputs, outputs, source, header, shared: as for core.device.gpu_kernel.build_kernel(). The body may ask for
    the sizes of an input, as X_shape.
    """

    def __init__(
        self, name: str, inputs: Sequence[str], outputs: Sequence[str], source: str, header: str, shared: int = 0
    ) -> None:
        self._name, self._inputs, self._outputs, self._shared = name, list(inputs), list(outputs), shared
        self._source, self._header = source, header
        self._shaped = [f"{name}_shape" in source for name in inputs]
        self._programs: dict[Any, Program | None] = {}  # by the types; None where MLX has to compile it

    def __call__(
        self,
        inputs: Sequence[mx.array],
        template: Sequence[tuple[str, mx.Dtype]],
        grid: tuple[int, int, int],
        threadgroup: tuple[int, int, int],
        output_shapes: Sequence[tuple[int, ...]],
        output_dtypes: Sequence[mx.Dtype],
    ) -> list[mx.array]:
        """The outputs, not evaluated. template: what types the body's names of types stand for."""
        sizes = [list(x.shape) if shaped else [] for x, shaped in zip(inputs, self._shaped, strict=True)]
        kind = (
            tuple((x.dtype, len(shape)) for x, shape in zip(inputs, sizes, strict=True)),
            tuple(output_dtypes),
            tuple(template),
        )
        if kind not in self._programs:
            self._programs[kind] = None
            with suppress(CompileError):
                self._programs[kind] = get_program(self._text(*kind))
        program = self._programs[kind]
        work: dict[str, Any] = {
            "inputs": inputs,
            "grid": grid,
            "threadgroup": threadgroup,
            "output_shapes": output_shapes,
            "output_dtypes": output_dtypes,
        }
        outputs: list[mx.array]
        if program is None:
            outputs = self._plain(template=template, **work)
        else:
            outputs = mx.fast.precompiled_cuda_kernel(
                name=program.name,
                compiled_source=program.binary,
                scalars=[size for shape in sizes for size in shape],
                shared_memory=self._shared,
                ensure_row_contiguous=True,
                **work,
            )
        return outputs

    @functools.cached_property
    def _plain(self) -> Any:
        # MLX knows compiled kernels by their names alone: another text must have another name.
        digest = hashlib.sha256((self._header + self._source).encode()).hexdigest()[:16]
        return mx.fast.cuda_kernel(
            name=f"{self._name}_{digest}",
            input_names=self._inputs,
            output_names=self._outputs,
            source=self._source,
            header=self._header,
            shared_memory=self._shared,
        )

    def _text(
        self,
        inputs: Sequence[tuple[mx.Dtype, int]],
        outputs: Sequence[mx.Dtype],
        template: Sequence[tuple[str, mx.Dtype]],
    ) -> str:
        """What is compiled. inputs: each one's type, and how many of its sizes the body needs; outputs: their types.

        A kernel's arguments are the inputs, the outputs and then the sizes, as MLX hands them over.
        """
        arguments = [
            *(f"const {_TYPES[dtype]}* {name}" for name, (dtype, _) in zip(self._inputs, inputs, strict=True)),
            *(f"{_TYPES[dtype]}* {name}" for name, dtype in zip(self._outputs, outputs, strict=True)),
        ]
        known = [f"using {name} = {_TYPES[dtype]};" for name, dtype in template]
        for name, (_, count) in zip(self._inputs, inputs, strict=True):
            sizes = [f"{name}_shape_{axis}" for axis in range(count)]
            if sizes:
                arguments += [f"const int {size}" for size in sizes]
                known.append(f"const int {name}_shape[] = {{{', '.join(sizes)}}};")
        return "\n".join(
            (
                "#include <cuda_bf16.h>",
                "#include <cuda_fp16.h>",
                self._header,
                f'extern "C" __global__ void {NAME}({", ".join(arguments)}) {{',
                *known,
                self._source,
                "}",
            )
        )
