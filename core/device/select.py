"""Which device computes, and why: asked for, used, and the reason in one sentence.

Every choice that differs from what was asked for is told; nothing falls back in silence.
"""

import platform
import subprocess
import sys
from pathlib import Path

import mlx.core as mx

from core.device.cuda_compiler import keep_mlx_kernels
from core.device.surroundings import is_virtual
from core.packages.versions import package_version
from core.text.sentence import say


def report(requested: str) -> dict[str, str]:
    """{requested, used, device, reason} for "auto", "gpu", "cpu" or "ane". Without a GPU it is the CPU, and why.

    Of "ane" it says which device MLX uses; whether the Neural Engine helps it is for core.ane to say.
    """
    kind, why_none = gpu_kind()
    if kind and requested != "cpu":
        name = str(mx.device_info(mx.Device(mx.gpu)).get("device_name", kind))
        reason = say("as asked") if requested == "gpu" else say("the fastest device here ({kind})", kind=kind)
        return {"requested": requested, "used": "gpu", "device": f"{name} ({kind})", "reason": reason}
    reason = say("as asked") if requested == "cpu" else say("no GPU can be used: {why_none}", why_none=why_none)
    return {"requested": requested, "used": "cpu", "device": cpu_name(), "reason": reason}


def select(requested: str) -> dict[str, str]:
    """report(), and make this thread compute there."""
    chosen = report(requested)
    if chosen["used"] == "gpu":
        mx.set_default_device(mx.gpu)
        mx.enable_compile()
        if mx.cuda.is_available():
            keep_mlx_kernels()
    else:
        mx.set_default_device(mx.cpu)
        # Compiling a CPU kernel calls g++ (seconds each) and was measured to gain nothing.
        mx.disable_compile()
    return chosen


def fallback_note(chosen: dict[str, str]) -> str:
    """What is told of a choice by report() that is not what was asked for; "" where it is."""
    if chosen["requested"] == "gpu" and chosen["used"] != "gpu":
        return say("The CPU computes: {reason}.", reason=chosen["reason"])
    return ""


def gpu_kind() -> tuple[str, str]:
    """("Metal", "CUDA" or "", why there is none)."""
    if mx.metal.is_available():
        return "Metal", ""
    if mx.cuda.is_available():
        return "CUDA", ""
    if sys.platform == "darwin":
        if is_virtual():
            return "", say("this Mac is a virtual machine, which has no Metal GPU")
        return "", say("MLX finds no Metal GPU on this Mac")
    if package_version("mlx-cuda-13"):
        return "", say("MLX's CUDA package is installed, but finds no usable NVIDIA GPU")
    return "", say("this is not a Mac, and MLX's CUDA package is not installed")


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
