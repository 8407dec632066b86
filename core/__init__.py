"""Hone's library: teach a language model something, from Python, the command line or the window."""

import os
import sys

from core.device.malloc import keep_freed as _keep_freed
from core.device.openblas import preload as _preload
from core.packages.quick_imports import prepare as _prepare_imports

__version__ = "0.1.0"

# Before anything imports MLX: a library loaded earlier wins the BLAS symbols (see core/device/openblas.py).
_preload()
# Where all threads take their memory from one place (see core/device/malloc.py), those of the tokenizer keep each other
# waiting for it: two take 1.5 times as long as one. It is said in any case, as the tokenizers library else warns of
# processes that are started later.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false" if _keep_freed() else "true")
_prepare_imports()
# MLX on CUDA keeps what it has launched for launching it again. By default it takes note of 400 different graphs and
# ends the program when it has met more than twice as many, which batches of many shapes do.
os.environ.setdefault("MLX_CUDA_GRAPH_CACHE_SIZE", "2000")
os.environ.setdefault("MLX_ENABLE_CACHE_THRASHING_CHECK", "0")
if sys.platform == "linux":  # Metal goes by the same names, and has better values of its own
    # It launches so many pieces of work at once; by default fewer where they are large, as those of a step are.
    os.environ.setdefault("MLX_MAX_OPS_PER_BUFFER", "20")
    os.environ.setdefault("MLX_MAX_MB_PER_BUFFER", "4000")
# transformers only brings tokenizers and templates here; that PyTorch is missing is no news.
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
