"""The compiler for CUDA kernels that MLX has loaded, NVRTC, and what it made, kept on disk for later processes.

MLX compiles the kernels of others anew in each process, 2 to 4 seconds each: it puts all of its own headers before
them. Kernels that need no more than the numbers of 16 bit take a tenth of that, and once on a machine.
"""

import ctypes
import functools
import hashlib
import importlib.util
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import platformdirs

from core.files.atomic_files import replacing
from core.files.checksums import CHECKSUM_BYTES, add_checksum, has_checksum
from core.packages.versions import package_version
from core.text.sentence import say

NAME = "KERNEL_NAME"  # stands in a text where the kernel's name will
_LIBRARIES = ("libnvrtc.so.13", "libnvrtc.so.12")
_HEADER = "cuda_bf16.h"


class Program(NamedTuple):
    """What a GPU runs."""

    name: str  # of its kernel
    binary: bytes


class CompileError(Exception):
    """There is no compiler, or it refused a text."""


def usual_folder() -> Path:
    """Where programs are kept."""
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "cuda-kernels"


def keep_mlx_kernels() -> None:
    """Have MLX keep there what it compiles for itself, some sixty kernels of 4 seconds each: by itself it keeps them
    among temporary files, which go when the machine starts anew. Before MLX compiles anything."""
    os.environ["MLX_PTX_CACHE_DIR"] = str(_mlx_folder())
    for kernel in _mlx_folder().glob("*.ptx"):
        source = kernel.with_suffix(".cu")  # written last: without it a process was killed on the way
        if not source.is_file() or not source.stat().st_size:
            kernel.unlink(missing_ok=True)


def first_steps() -> str:
    """A sentence where the first steps take minutes, as MLX has compiled nothing here yet; "" on other GPUs."""
    if not mx.cuda.is_available() or any(_mlx_folder().glob("*.ptx")):
        return ""
    return say("MLX compiles its kernels for this GPU before the first step: a few minutes, once on this machine.")


def describe() -> str:
    """Who compiles the kernels, and where they are kept, in a sentence."""
    try:
        _include_folder()
        return say("compiled by NVRTC {version}, kept in {folder}", version=version(), folder=usual_folder())
    except CompileError as error:
        return say("compiled in each process anew, which takes half a minute: {reason}", reason=error)


def get_program(text: str) -> Program:
    """The program of a kernel's whole text for this machine's GPU, from the disk or compiled now.

    text: what NVRTC is to compile, an `extern "C"` kernel called NAME. Raises CompileError.
    """
    architecture = str(mx.device_info(mx.gpu)["architecture"])  # such as sm_90
    return kept_program(text, architecture, usual_folder())


def kept_program(text: str, architecture: str, folder: Path) -> Program:
    """The program of a text for GPUs of an architecture, from a folder or compiled and then kept there."""
    decisive = "\n".join((architecture, version(), text))
    name = f"hone_{hashlib.sha256(decisive.encode()).hexdigest()[:32]}"
    path = folder / f"{name}.cubin"
    with suppress(OSError):  # none yet
        if has_checksum(path):
            return Program(name, path.read_bytes()[:-CHECKSUM_BYTES])
    program = Program(name, compile_text(text.replace(NAME, name), architecture))
    with suppress(OSError):  # a full disk: compiled anew the next time
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(program.binary)
            add_checksum(temporary)
    return program


def compile_text(text: str, architecture: str) -> bytes:
    """What NVRTC makes of a text for GPUs of an architecture such as sm_90. Raises CompileError with what it says."""
    library, program = _library(), ctypes.c_void_p()
    _require(library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None))
    try:
        flags = [f"--gpu-architecture={architecture}".encode(), f"--include-path={_include_folder()}".encode()]
        if library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags)):
            log = _read(program, library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog)
            raise CompileError(log.decode(errors="replace").rstrip("\0").strip())
        return _read(program, library.nvrtcGetCUBINSize, library.nvrtcGetCUBIN)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _mlx_folder() -> Path:
    """Where MLX keeps what it compiles for itself, as somebody wants it or beside our programs."""
    chosen = os.environ.get("MLX_PTX_CACHE_DIR")
    return Path(chosen) if chosen else usual_folder() / f"mlx-{package_version('mlx')}"


@functools.cache
def version() -> str:
    """Of the compiler, such as "13.0". Raises CompileError where there is none."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _require(_library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"{major.value}.{minor.value}"


@functools.cache
def _library() -> ctypes.CDLL:
    """The NVRTC that MLX has loaded. Raises CompileError."""
    for name in _LIBRARIES:
        with suppress(OSError):
            return ctypes.CDLL(name, mode=os.RTLD_NOW | os.RTLD_NOLOAD)
    raise CompileError(say("MLX has not loaded NVRTC"))


@functools.cache
def _include_folder() -> Path:
    """Where CUDA's headers lie: in the toolkit, where MLX looks for them too, or in NVIDIA's Python packages."""
    toolkits = [Path(os.environ[name]) for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)]
    spec = importlib.util.find_spec("nvidia")
    packages = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    inside = [package / part for package in packages for part in ("cu13", "cuda_runtime")]
    for folder in (*toolkits, Path("/usr/local/cuda"), *inside):
        if (folder / "include" / _HEADER).is_file():
            return folder / "include"
    raise CompileError(say("CUDA's headers are not installed"))


def _read(program: ctypes.c_void_p, get_size: Callable[..., int], get: Callable[..., int]) -> bytes:
    size = ctypes.c_size_t()
    _require(get_size(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _require(get(program, buffer))
    return buffer.raw


def _require(status: int) -> None:
    if status:
        library = _library()
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise CompileError(library.nvrtcGetErrorString(status).decode())
