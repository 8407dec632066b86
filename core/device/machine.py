"""This machine, in plain values: names, cores, memory, and the versions that can change a run's numbers."""

import platform
import sys
from typing import Any

import mlx.core as mx
import psutil

from core import __version__
from core.device import neural_engine, openblas
from core.device.select import cpu_name, gpu_kind
from core.packages.versions import package_version


def machine() -> dict[str, Any]:
    """Facts about this machine: names, core count, bytes of memory, versions. Plain values."""
    kind, why_none = gpu_kind()
    gpu = mx.device_info(mx.Device(mx.gpu)) if kind else {}
    library, why = openblas.report()
    memory = psutil.virtual_memory()
    has_engine, engine_reason = neural_engine.describe_host()
    usable = gpu.get("max_recommended_working_set_size") or gpu.get("total_memory") or gpu.get("memory_size")
    return {
        "system": _system(),
        "processor": cpu_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        "memory_bytes": memory.total,
        "available_bytes": memory.available,
        "gpu": str(gpu.get("device_name", kind)) if kind else None,
        "gpu_kind": kind,
        "gpu_reason": why_none,
        "gpu_memory_bytes": int(usable) if usable else None,
        "blas": library,
        "blas_reason": why,
        "neural_engine": "Core ML" if has_engine else None,
        "neural_engine_reason": engine_reason,
        "versions": versions(),
    }


def free_memory() -> int:
    """Bytes of memory that are free for whoever asks."""
    return int(psutil.virtual_memory().available)


def usable_bytes(device: str) -> int:
    """Bytes of memory that a "gpu" or "cpu" can use for a run."""
    gpu = mx.device_info(mx.Device(mx.gpu)) if device == "gpu" else {}
    usable = gpu.get("max_recommended_working_set_size") or gpu.get("total_memory") or gpu.get("memory_size")
    return int(usable or psutil.virtual_memory().available)


def memory_limit(device: str) -> int:
    """Bytes that a process which trains on a "gpu" or "cpu" should stay below.

    On a Mac's GPU what Metal recommends; elsewhere all memory of the machine: what a CUDA GPU holds is not counted in
    a process's memory.
    """
    gpu = mx.device_info(mx.Device(mx.gpu)) if device == "gpu" else {}
    return int(gpu.get("max_recommended_working_set_size") or psutil.virtual_memory().total)


def room_for_weights(device: str) -> int:
    """Bytes that the weights of a model can take at most: all that a "gpu" has, or all memory of the machine."""
    return usable_bytes(device) if device == "gpu" else int(psutil.virtual_memory().total)


def versions() -> dict[str, str]:
    """Versions of everything that can change a run's numbers."""
    found = {"hone": __version__, "python": platform.python_version()}
    for package in ("mlx", "mlx-lm", "transformers", "tokenizers", "numpy"):
        found[package] = package_version(package) or ""
    return found


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "linux":
        try:
            return platform.freedesktop_os_release()["PRETTY_NAME"]
        except (OSError, KeyError):
            return f"Linux {platform.release()}"
    return platform.platform()
