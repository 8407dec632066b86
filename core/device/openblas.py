"""Load OpenBLAS before MLX on Linux, because MLX's own CPU wheel carries the slow reference BLAS.

Measured on two cores: a float32 matrix product runs about twenty times faster with OpenBLAS
loaded first. A Mac needs none of this: MLX uses Accelerate there.
"""

import ctypes
import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

# Debian and Ubuntu, Fedora and Arch, and the plain development name.
NAMES = ("libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so")

_loaded: str | None = None
_library: Any = None
_reason = "not tried"


@dataclass
class _OneThread:
    """Who is in one_thread(), and what is set behind the last."""

    lock: Any = field(default_factory=threading.Lock)
    users: int = 0
    usual: list[tuple[Any, int]] = field(default_factory=list)  # (the function that sets it, the number of cores)


_one_thread = _OneThread()


def preload() -> None:
    """Make OpenBLAS's symbols global, once. Does nothing where it is not needed or not installed."""
    global _loaded, _library, _reason
    if _loaded is not None:
        return
    if sys.platform != "linux":
        _reason = "not needed: MLX uses Accelerate on a Mac"
        return
    if "mlx.core" in sys.modules:
        _reason = "MLX was imported before Hone; import core first to make the CPU faster"
        return
    for name in NAMES:
        try:
            _library = ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        _loaded, _reason = name, "loaded before MLX"
        return
    _reason = (
        "not installed (Debian: apt-get install libopenblas0-pthread); float32 on the CPU is about 20 times slower"
    )


def report() -> tuple[str | None, str]:
    """(library name or None, why) for `hone doctor`."""
    return _loaded, _reason


def kernels() -> str:
    """For which processor OpenBLAS computes products, in its own words: MLX's and NumPy's; "" where neither is one."""
    names = []
    for library in [*([_library] if _library is not None else []), *_of_numpy()]:
        name = _call(library, "get_corename")
        name.restype = ctypes.c_char_p
        names.append(name().decode())
    return ", ".join(dict.fromkeys(names))


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it a product takes one core, so that several can be computed at a time. For OpenBLAS alone, that of MLX
    and the one that NumPy brings along.

    Several threads may be in it: the number of cores is the whole process's, and the last to leave sets what was
    before the first.
    """
    with _one_thread.lock:
        if not _one_thread.users:
            libraries = [*([_library] if _library is not None else []), *_of_numpy()]
            calls = [(_call(library, "get_num_threads"), _call(library, "set_num_threads")) for library in libraries]
            _one_thread.usual = [(set_threads, get()) for get, set_threads in calls]
            for _, set_threads in calls:
                set_threads(1)
        _one_thread.users += 1
    try:
        yield
    finally:
        with _one_thread.lock:
            _one_thread.users -= 1
            if not _one_thread.users:
                for set_threads, count in _one_thread.usual:
                    set_threads(count)


def _call(library: Any, name: str) -> Any:
    """The function of an OpenBLAS, whose names NumPy's wheels have changed; None where it is no OpenBLAS."""
    for prefix, suffix in (("", ""), ("scipy_", "64_"), ("scipy_", ""), ("", "64_")):
        function = getattr(library, f"{prefix}openblas_{name}{suffix}", None)
        if function is not None:
            return function
    return None


@cache
def _of_numpy() -> list[Any]:
    """The OpenBLAS that NumPy's products are computed with, [] where that is another library."""
    module = importlib.import_module("numpy._core._multiarray_umath")
    library = ctypes.CDLL(module.__file__)  # symbols are looked for in what it was linked to, too
    return [library] if _call(library, "set_num_threads") is not None else []
