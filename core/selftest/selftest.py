"""Does everything work on this machine? Each part is tried once, small: a product, each kernel, a step, an answer.

It is what a Mac owner runs to tell how Hone does on hardware that nobody here has, and what tells whether an app that
was frozen has everything inside. A part that this machine cannot have is skipped with its reason; one that should work
and does not has failed. A Mac on which the GPU is not used has failed: the CPU would be taken in its place.
"""

import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.device.machine import machine
from core.device.select import select
from core.errors import UserError
from core.selftest.check import FAILED, PASSED, SKIPPED, Check, Failure, Skip
from core.selftest.numbers import (
    check_attention,
    check_exponentials,
    check_gradients,
    check_kernels,
    check_packed,
    check_products,
)
from core.selftest.steps import check_compiled, read_datasets, run_reward_file, train_steps, write_answers
from core.text.reasons import reason

PACKAGES = ("mlx_lm", "transformers", "tokenizers", "safetensors", "huggingface_hub", "duckdb", "nanoarrow", "jinja2")


def selftest(backend: str = "auto") -> Iterator[Check]:
    """Try every part on this machine, one after the other; yields the outcome of each as it is known.

    `backend` is "auto", "gpu" or "cpu". Training runs in a temporary folder, on the built-in model and data.
    """
    chosen = select(backend)
    with tempfile.TemporaryDirectory(prefix="hone-selftest-") as name:
        folder = Path(name)
        parts: dict[str, Callable[[], str]] = {
            "imports": _import_packages,
            "device": lambda: _check_device(chosen, backend),
            "products": check_products,
            "kernels": check_kernels,
            "packed weights": check_packed,
            "exponentials": check_exponentials,
            "attention": check_attention,
            "gradients": check_gradients,
            "datasets": lambda: read_datasets(folder),
            "reward files": lambda: run_reward_file(folder),
            "LoRA": lambda: train_steps(folder / "lora", backend),
            "QLoRA (NF4)": lambda: train_steps(folder / "nf4", backend, quantization="nf4"),
            "compiled steps": lambda: check_compiled(folder / "nf4"),
            "answers": lambda: write_answers(folder / "lora", backend),
            "Neural Engine": _check_neural_engine,
        }
        for name, part in parts.items():
            yield _try_part(name, part)


def report(checks: list[Check]) -> dict[str, Any]:
    """The outcomes with this machine's facts, as plain values: what packaging/hardware-reports keeps."""
    facts = machine()
    facts["frozen"] = bool(getattr(sys, "frozen", False))
    passed = all(check.outcome != FAILED for check in checks)
    rounded = [asdict(replace(check, seconds=round(check.seconds, 3))) for check in checks]
    return {"format": 1, "passed": passed, "machine": facts, "checks": rounded}


def _try_part(name: str, part: Callable[[], str]) -> Check:
    start = time.perf_counter()
    try:
        outcome, detail = PASSED, part()
    except Skip as skip:
        outcome, detail = SKIPPED, str(skip)
    except (Failure, UserError) as failure:
        outcome, detail = FAILED, str(failure)
    except Exception as error:  # whatever a broken installation raises is what this is here to tell
        kind, said = type(error).__name__, reason(error)
        outcome, detail = FAILED, kind if said == kind else f"{kind}: {said}"
    return Check(name, outcome, detail, time.perf_counter() - start)


def _import_packages() -> str:
    for package in PACKAGES:
        importlib.import_module(package)
    return f"{len(PACKAGES)} packages"


def _check_device(chosen: dict[str, str], asked: str) -> str:
    if sys.platform == "darwin" and chosen["used"] == "cpu" and asked != "cpu":
        raise Failure(f"The CPU would be used: {chosen['reason']}.")
    return f"{chosen['used']} ({chosen['device']}): {chosen['reason']}"


def _check_neural_engine() -> str:
    raise Skip(machine()["neural_engine_reason"])
