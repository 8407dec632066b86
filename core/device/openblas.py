"""Load OpenBLAS before MLX on Linux, because MLX's own CPU wheel carries the slow reference BLAS.

Measured on two cores: a float32 matrix product runs about twenty times faster with OpenBLAS
loaded first. A Mac needs none of this: MLX uses Accelerate there.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Debian and Ubuntu, Fedora and Arch, and the plain development name.
NAMES = ("libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so")

_loaded: str | None = None
_library: Any = None
_reason = "not tried"


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


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it a product takes one core, so that several can be computed at a time. For OpenBLAS alone."""
    if _library is None:
        yield
        return
    usual = _library.openblas_get_num_threads()
    _library.openblas_set_num_threads(1)
    try:
        yield
    finally:
        _library.openblas_set_num_threads(usual)
