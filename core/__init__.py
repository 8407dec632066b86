"""Hone's library: teach a language model something, from Python, the command line or the window."""

import os

from core.blas import preload as _preload

__version__ = "0.1.0"

# Before anything imports MLX: a library loaded earlier wins the BLAS symbols (see core/blas.py).
_preload()
# transformers only brings tokenizers and templates here; that PyTorch is missing is no news.
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
