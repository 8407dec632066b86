"""The texts for Metal, read by clang as C++ for OpenCL: its address spaces and most of its words are Metal's.

So names, types and address spaces are tested where there is no Metal; the GPU's own compiler is asked on a Mac.
"""

from collections.abc import Iterator
from typing import Any

import clang.cindex
import mlx.core as mx
import numpy as np
import pytest
from clang.cindex import CursorKind, TypeKind

from core.device import gpu_kernel
from core.model.kernels import check, run
from core.quant import kernels as quant_kernels
from core.quant import nf4

METAL = r"""
#pragma OPENCL EXTENSION cl_khr_fp16 : enable
#define device __global
#define constant __constant
#define threadgroup __local
typedef half bfloat16_t;
typedef unsigned char uint8_t;
typedef signed char int8_t;
typedef unsigned int uint;
typedef uint uint3 __attribute__((ext_vector_type(3)));
enum class mem_flags { mem_none, mem_device, mem_threadgroup };
void threadgroup_barrier(mem_flags);
void simdgroup_barrier(mem_flags);
float simd_sum(float);
float simd_shuffle_xor(float, unsigned short);
float rsqrt(float);
float exp(float);
float log(float);
float max(float, float);
float min(float, float);
"""
TYPES = {
    mx.float32: "float", mx.float16: "half", mx.bfloat16: "bfloat16_t", mx.uint32: "uint", mx.int32: "int",
    mx.uint8: "uint8_t", mx.int8: "int8_t",
}  # fmt: skip
FEW = 8  # numbers: MLX hands smaller arrays over as constants
GENERIC = 5  # the address space of a pointer that names none, which Metal refuses


def read(text: str) -> clang.cindex.TranslationUnit:
    flags = ["-x", "cl", "-cl-std=clc++1.0", "-cl-no-stdinc", "-target", "spir64"]
    return clang.cindex.Index.create().parse("kernel.cl", args=flags, unsaved_files=[("kernel.cl", text)])


def problems(text: str) -> list[str]:
    """What clang says of a text, and its pointers without an address space."""
    unit = read(text)
    found = [d.spelling for d in unit.diagnostics if d.severity >= clang.cindex.Diagnostic.Error]
    for cursor in unit.cursor.walk_preorder():
        declares = cursor.kind in (CursorKind.VAR_DECL, CursorKind.PARM_DECL, CursorKind.CSTYLE_CAST_EXPR)
        is_pointer = declares and cursor.type.kind == TypeKind.POINTER
        if is_pointer and cursor.type.get_pointee().get_address_space() == GENERIC:
            found.append(f"no address space: {' '.join(token.spelling for token in cursor.get_tokens())}")
    return found


class MetalKernels:
    """Stands in mx.fast.metal_kernel's place: keeps the whole texts, and gives zeros."""

    def __init__(self) -> None:
        self.texts: dict[tuple[Any, ...], str] = {}

    def __call__(self, name: str, input_names: Any, output_names: Any, source: str, header: str) -> Any:
        def launch(*, inputs: Any, template: Any, output_shapes: Any, output_dtypes: Any, **_: Any) -> list[mx.array]:
            arguments = []
            for argument, x in zip(input_names, inputs, strict=True):
                space = "constant" if x.size < FEW else "device"
                arguments.append(f"const {space} {TYPES[x.dtype]}* {argument}")
                if f"{argument}_shape" in source:
                    arguments.append(f"const constant int* {argument}_shape")
            arguments += [f"device {TYPES[d]}* {o}" for o, d in zip(output_names, output_dtypes, strict=True)]
            known = "".join(f"using {type_name} = {TYPES[dtype]};\n" for type_name, dtype in template)
            self.texts[name, *arguments, known] = (
                f"{METAL}{header}\n{known}"
                f"__kernel void {name}({', '.join(arguments)}, uint3 thread_position_in_grid) {{\n{source}\n}}\n"
            )
            return [mx.zeros(*output) for output in zip(output_shapes, output_dtypes, strict=True)]

        return launch


@pytest.fixture
def metal(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetalKernels]:
    """Kernels are built for Metal, as on a Mac."""
    kernels = MetalKernels()
    monkeypatch.setattr(mx.fast, "metal_kernel", kernels)
    for module in (gpu_kernel, run, quant_kernels):
        monkeypatch.setattr(module, "language", lambda: "metal")
    for cached in (run.build, quant_kernels._build_kernel):
        cached.cache_clear()
    yield kernels
    for cached in (run.build, quant_kernels._build_kernel):
        cached.cache_clear()


@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16, mx.float32])
def test_every_text_for_metal_is_whole(dtype: mx.Dtype, metal: MetalKernels) -> None:
    check.differences(dtype, [*check.PARTS, *check.SAMPLING_PARTS, "heads without norms"])
    table = np.asarray(nf4.TABLE)
    quant_kernels.unpack(mx.zeros(64, mx.uint8), mx.zeros(2), table, dtype)
    for rows, outputs in ((2, 5), (8, 64)):  # few scales are constants
        x, scales = mx.zeros((rows, 128), dtype), mx.zeros(2 * outputs)
        quant_kernels.multiply(x, mx.zeros(64 * outputs, mx.uint8), scales, outputs, table)
        quant_kernels.multiply(x, mx.zeros((outputs, 128), mx.int8), mx.zeros(outputs), outputs, None)
    assert len({name for name, *_ in metal.texts}) >= 10
    assert {name: found for (name, *_), text in metal.texts.items() if (found := problems(text))} == {}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("out[0] = nonsense;", "use of undeclared identifier 'nonsense'"),
        ("device float* p = (device float*)few;", "mismatching address spaces"),
        ("out[0] = ((const Pack<float, 2>*)x)->v[0];", "no address space: ( const Pack < float , 2 > * ) x"),
        ("const float* p = x; out[0] = p[0];", "no address space: const float * p = x"),
    ],
)
def test_what_is_wrong_is_found(body: str, problem: str) -> None:
    text = f"{METAL}{run._HEADER}__kernel void k(const device float* x, const constant float* few, device float* out)"
    assert problems(f"{text} {{ out[0] = x[0] + few[0]; }}") == []
    assert any(problem in found for found in problems(f"{text} {{ {body} }}"))
