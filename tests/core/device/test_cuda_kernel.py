"""Kernels for CUDA: how they are handed over, that NVRTC takes all of their texts, and that they are kept."""

import ctypes
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.device import cuda_compiler, cuda_kernel, gpu_kernel
from core.device.cuda_compiler import CompileError, Program, kept_program
from core.device.cuda_kernel import CudaKernel
from core.model.kernels import check, run
from core.quant import kernels as quant_kernels
from core.quant import nf4

TEXT = f'extern "C" __global__ void {cuda_compiler.NAME}(float* x) {{ x[threadIdx.x] = 1; }}'


@pytest.fixture(scope="module")
def nvrtc() -> Iterator[None]:
    """The compiler in this process, as MLX for CUDA loads it."""
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    found = [library for place in places for library in place.glob("cu13/lib/libnvrtc.so.13")]
    if not found:
        pytest.skip("needs NVRTC")
    ctypes.CDLL(str(found[0]))
    for cached in (cuda_compiler._library, cuda_compiler.version, cuda_compiler._include_folder):
        cached.cache_clear()
    yield


@pytest.fixture
def for_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels are built for CUDA, as on a machine with such a GPU."""
    for module in (gpu_kernel, run, quant_kernels):
        monkeypatch.setattr(module, "language", lambda: "cuda")
    for cached in (run.build, quant_kernels._build_kernel):
        cached.cache_clear()
    yield
    for cached in (run.build, quant_kernels._build_kernel):
        cached.cache_clear()


def launched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Has MLX's function return zeros, and keeps what it is given."""
    given: list[dict[str, Any]] = []

    def launch(**arguments: Any) -> list[mx.array]:
        given.append(arguments)
        return [
            mx.zeros(*output) for output in zip(arguments["output_shapes"], arguments["output_dtypes"], strict=True)
        ]

    monkeypatch.setattr(mx.fast, "precompiled_cuda_kernel", launch)
    return given


def call(kernel: CudaKernel) -> list[mx.array]:
    return kernel(
        inputs=[mx.zeros((5, 6), mx.bfloat16), mx.zeros((7,), mx.uint8)],
        template=[("T", mx.float16)],
        grid=(512, 1, 1),
        threadgroup=(256, 1, 1),
        output_shapes=[(8, 9)],
        output_dtypes=[mx.float32],
    )


def test_a_kernel_gets_its_inputs_outputs_and_then_the_sizes_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(cuda_kernel, "get_program", lambda text: texts.append(text) or Program("name", b"binary"))
    given = launched(monkeypatch)
    outputs = call(CudaKernel("k", ["a", "b"], ["c"], "c[0] = T(a_shape[1]);", "struct S {};", shared=64))
    assert [output.shape for output in outputs] == [(8, 9)]
    assert texts[0].splitlines()[2:] == [
        "struct S {};",
        f'extern "C" __global__ void {cuda_compiler.NAME}(const __nv_bfloat16* a, const unsigned char* b, float* c, '
        "const int a_shape_0, const int a_shape_1) {",
        "using T = __half;",
        "const int a_shape[] = {a_shape_0, a_shape_1};",
        "c[0] = T(a_shape[1]);",
        "}",
    ]
    (arguments,) = given
    assert (arguments["name"], arguments["compiled_source"], arguments["scalars"]) == ("name", b"binary", [5, 6])
    assert (arguments["grid"], arguments["threadgroup"], arguments["shared_memory"]) == ((512, 1, 1), (256, 1, 1), 64)
    assert arguments["ensure_row_contiguous"] is True and len(arguments["inputs"]) == 2


def test_mlx_compiles_it_where_it_cannot_be_compiled_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> Program:
        raise CompileError("no compiler")

    made: list[dict[str, Any]] = []

    def make(**arguments: Any) -> Any:
        made.append(arguments)
        return lambda **called: [mx.zeros(called["output_shapes"][0])]

    monkeypatch.setattr(cuda_kernel, "get_program", refuse)
    monkeypatch.setattr(mx.fast, "cuda_kernel", make)
    kernel = CudaKernel("k", ["a", "b"], ["c"], "body", "head", shared=64)
    assert call(kernel)[0].shape == (8, 9) and call(kernel)[0].shape == (8, 9)
    (arguments,) = made
    assert (arguments["source"], arguments["header"], arguments["shared_memory"]) == ("body", "head", 64)
    other = CudaKernel("k", ["a", "b"], ["c"], "another body", "head")
    call(other)
    assert made[1]["name"] != made[0]["name"]  # MLX knows them by their names


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16, mx.float32])
def test_the_compiler_takes_every_text(
    architecture: str, dtype: mx.Dtype, nvrtc: None, for_cuda: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cuda_kernel, "get_program", lambda text: kept_program(text, architecture, tmp_path))
    given = launched(monkeypatch)
    parts = (*check.PARTS, *check.SAMPLING_PARTS)
    if dtype != mx.float32:
        parts += (*check.TOKEN_PARTS, *check.PRODUCT_PARTS)
    check.differences(dtype, [*parts, "heads without norms"])
    table, x = np.asarray(nf4.TABLE), mx.zeros((2, 128), dtype)
    quant_kernels.unpack(mx.zeros(64, mx.uint8), mx.zeros(2), table, dtype)
    quant_kernels.multiply(x, mx.zeros(5 * 64, mx.uint8), mx.zeros(10), 5, table)
    quant_kernels.multiply(x, mx.zeros((5, 128), mx.int8), mx.zeros(5), 5, None)
    programs = {arguments["name"]: arguments["compiled_source"] for arguments in given}
    assert len(programs) == len(list(tmp_path.iterdir())) >= (12 if dtype == mx.float32 else 16)
    assert all(binary.startswith(b"\x7fELF") and name.encode() in binary for name, binary in programs.items())


def test_what_the_compiler_refuses_is_told(nvrtc: None) -> None:
    with pytest.raises(CompileError, match=r'kernel\.cu\(1\).*"nonsense" is undefined'):
        cuda_compiler.compile_text(TEXT.replace("= 1", "= nonsense"), "sm_90")
    with pytest.raises(CompileError, match="gpu-architecture"):
        cuda_compiler.compile_text(TEXT, "sm_1")


def test_a_program_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(cuda_compiler, "version", lambda: "13.0")
    monkeypatch.setattr(cuda_compiler, "compile_text", lambda text, _: compiled.append(text) or text.encode())
    folder = tmp_path / "not" / "there" / "yet"
    first = kept_program(TEXT, "sm_90", folder)
    assert first == kept_program(TEXT, "sm_90", folder) and len(compiled) == 1
    assert first.binary.decode() == TEXT.replace(cuda_compiler.NAME, first.name)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1])  # the disk was full
    assert kept_program(TEXT, "sm_90", folder) == first and len(compiled) == 2
    assert kept_program(TEXT, "sm_90", folder) == first and len(compiled) == 2
    names = {first.name, kept_program(TEXT, "sm_80", folder).name, kept_program(TEXT + " ", "sm_90", folder).name}
    monkeypatch.setattr(cuda_compiler, "version", lambda: "13.1")
    names.add(kept_program(TEXT, "sm_90", folder).name)
    assert len(names) == 4 and len(compiled) == 5


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_compiler, "version", lambda: "13.0")
    monkeypatch.setattr(cuda_compiler, "compile_text", lambda *_: b"binary")
    (tmp_path / "file").write_text("")
    assert kept_program(TEXT, "sm_90", tmp_path / "file" / "folder").binary == b"binary"


def test_doctor_is_told_who_compiles(nvrtc: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cuda_compiler.describe().startswith(f"compiled by NVRTC {cuda_compiler.version()}, kept in ")

    def refuse() -> ctypes.CDLL:
        raise CompileError("MLX has not loaded NVRTC")

    monkeypatch.setattr(cuda_compiler, "_library", refuse)
    cuda_compiler.version.cache_clear()
    assert cuda_compiler.describe().endswith("which takes half a minute: MLX has not loaded NVRTC")
    cuda_compiler.version.cache_clear()


def test_mlx_keeps_its_own_kernels_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLX_PTX_CACHE_DIR", raising=False)
    cuda_compiler.keep_mlx_kernels()
    kept = Path(cuda_compiler.os.environ["MLX_PTX_CACHE_DIR"])
    assert kept.parent == cuda_compiler.usual_folder() and mx.__version__ in kept.name
    monkeypatch.setenv("MLX_PTX_CACHE_DIR", str(tmp_path))  # as somebody wants it
    for name in ("whole", "killed", "cut"):
        (tmp_path / f"{name}.ptx").write_bytes(b"binary")
    (tmp_path / "whole.cu").write_text("source")
    (tmp_path / "cut.cu").write_text("")
    cuda_compiler.keep_mlx_kernels()
    assert cuda_compiler.os.environ["MLX_PTX_CACHE_DIR"] == str(tmp_path)
    assert [kernel.name for kernel in tmp_path.glob("*.ptx")] == ["whole.ptx"]


def test_the_first_run_on_a_machine_is_told_of_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLX_PTX_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(mx.cuda, "is_available", lambda: False)
    assert cuda_compiler.first_steps() == ""
    monkeypatch.setattr(mx.cuda, "is_available", lambda: True)
    assert cuda_compiler.first_steps().endswith("a few minutes, once on this machine.")
    (tmp_path / "kernel.ptx").write_bytes(b"binary")
    assert cuda_compiler.first_steps() == ""
