"""Hone's library: teach a language model something, from Python, the command line or the window."""

from core.blas import preload as _preload

__version__ = "0.1.0"

# Before anything imports MLX: a library loaded earlier wins the BLAS symbols (see core/blas.py).
_preload()
