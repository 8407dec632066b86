"""Which device computes, and why: asked for, used, and the reason in one sentence.

Every choice that differs from what was asked for is told; nothing falls back in silence.
"""

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
import psutil

from core import __version__, blas


def report(requested: str) -> dict[str, str]:
    """{requested, used, device, reason} for "auto", "gpu" or "cpu". Without a GPU it is the CPU, and why."""
    kind, why_none = _gpu()
    if kind and requested != "cpu":
        name = str(mx.device_info(mx.Device(mx.gpu)).get("device_name", kind))
        reason = "as asked" if requested == "gpu" else f"the fastest device here ({kind})"
        return {"requested": requested, "used": "gpu", "device": f"{name} ({kind})", "reason": reason}
    reason = "as asked" if requested == "cpu" else f"no GPU can be used: {why_none}"
    return {"requested": requested, "used": "cpu", "device": cpu_name(), "reason": reason}


def select(requested: str) -> dict[str, str]:
    """report(), and make this thread compute there."""
    chosen = report(requested)
    if chosen["used"] == "gpu":
        mx.set_default_device(mx.gpu)
        mx.enable_compile()
    else:
        mx.set_default_device(mx.cpu)
        # Compiling a CPU kernel calls g++ (seconds each) and was measured to gain nothing.
        mx.disable_compile()
    return chosen


def machine() -> dict[str, Any]:
    """Facts about this machine: names, core count, bytes of memory, versions. Plain values."""
    kind, why_none = _gpu()
    gpu = mx.device_info(mx.Device(mx.gpu)) if kind else {}
    library, why = blas.report()
    memory = psutil.virtual_memory()
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
        "neural_engine": None,
        "neural_engine_reason": "training through the Neural Engine is not part of this version yet",
        "versions": versions(),
    }


def usable_bytes(device: str) -> int:
    """Bytes of memory that a "gpu" or "cpu" can use for a run."""
    gpu = mx.device_info(mx.Device(mx.gpu)) if device == "gpu" else {}
    usable = gpu.get("max_recommended_working_set_size") or gpu.get("total_memory") or gpu.get("memory_size")
    return int(usable or psutil.virtual_memory().available)


def versions() -> dict[str, str]:
    """Versions of everything that can change a run's numbers."""
    found = {"hone": __version__, "python": platform.python_version()}
    for package in ("mlx", "mlx-lm", "transformers", "tokenizers", "numpy"):
        found[package] = importlib.metadata.version(package)
    return found


def cpu_name() -> str:
    """The processor as its maker calls it."""
    if sys.platform == "darwin":
        asked = subprocess.run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True)
        return asked.stdout.strip() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.machine()
    return platform.machine()


def _gpu() -> tuple[str, str]:
    """("Metal", "CUDA" or "", why there is none)."""
    if mx.metal.is_available():
        return "Metal", ""
    if mx.cuda.is_available():
        return "CUDA", ""
    if sys.platform == "darwin":
        return "", "MLX finds no Metal GPU on this Mac"
    try:
        importlib.metadata.version("mlx-cuda-13")
        return "", "MLX's CUDA package is installed, but finds no usable NVIDIA GPU"
    except importlib.metadata.PackageNotFoundError:
        return "", "this is not a Mac, and MLX's CUDA package is not installed"


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "linux":
        try:
            return platform.freedesktop_os_release()["PRETTY_NAME"]
        except (OSError, KeyError):
            return f"Linux {platform.release()}"
    return platform.platform()
