"""One real block, tried by Core ML in a process of its own: a program that crashes or hangs costs a run its reason.

This process makes the program, its inputs and the result that MLX gives for them; core/ane/probe_child.py computes it.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core.ane.feed import feed, lora_layers
from core.ane.program import ChunkSpec, chunk_spec, save_program
from core.ane.verdict import Verdict, refused
from core.device.child_process import child_command
from core.redact import environment_without_secrets
from core.text.sentence import capitalize, say

SECONDS = 180.0  # for all of it
MAX_ERROR = 1e-2  # of the block's output, as a share of its largest value
MIN_SHARE = 0.9  # of the estimated cost that Core ML plans for the Neural Engine
MAX_OF_CPU = 0.9  # of the time that Core ML takes on the CPU alone: what takes longer was not on the engine
COMPILE_FAILED = "ANECCompile() FAILED"  # what the engine's compiler writes where Core ML goes on without it

ChildCommand = Callable[[Path, Path, Path], Sequence[str]]  # of the program, its inputs, and the file for its outputs


@dataclass(frozen=True)
class ProbeResult:
    """What the child said, and how it ended."""

    facts: dict[str, Any] = field(default_factory=dict)
    errors: str = ""  # what it wrote to stderr
    code: int | None = None  # its exit code; None where it was ended because its time was over


def usual_command(package: Path, inputs: Path, outputs: Path) -> list[str]:
    """The command that tries a program here."""
    return child_command(Path(__file__).with_name("probe_child.py"), str(package), str(inputs), str(outputs))


def probe(
    block: nn.Module, length: int, *, command: ChildCommand = usual_command, seconds: float = SECONDS
) -> tuple[Verdict | None, dict[str, Any]]:
    """(why the Neural Engine is not used for such a block, or None; what was found) for a block at a bucket's length.

    The adapters' factors are random and none of them zero, whatever they are in the block.
    """
    with tempfile.TemporaryDirectory(prefix="hone-ane-") as folder:
        package, inputs, outputs = (Path(folder) / name for name in ("block.mlpackage", "inputs.npz", "outputs.npz"))
        spec, began = chunk_spec([block], length), time.perf_counter()
        try:
            save_program([block], spec, package)
        except ValueError as error:
            return refused("numerics", capitalize(say("{reason}.", reason=error))), {}
        saved_seconds = time.perf_counter() - began
        values, expected = _random_inputs(block, spec)
        np.savez(inputs, **values)
        result = _run(command(package, inputs, outputs), seconds)
        facts = dict(result.facts)
        facts["making_seconds"] = saved_seconds + facts.get("compile_seconds", 0.0)
        verdict = judge_result(result)
        if verdict is None:
            facts["error"] = _error(outputs, spec, expected)
            verdict = judge_error(facts["error"])
        return verdict, facts


def judge_result(result: ProbeResult) -> Verdict | None:
    """Why a block that was tried so is not computed there; None where it is, as far as this tells."""
    facts, stage = result.facts, result.facts.get("stage", "start")
    if result.code is None:
        return refused(
            "timeout",
            say("Core ML did not come to an end within {seconds:.0f} seconds ({stage}).", seconds=SECONDS, stage=stage),
        )
    if result.code < 0:
        return refused(
            "crash", say("Core ML's process was ended by signal {signal} ({stage}).", signal=-result.code, stage=stage)
        )
    if facts.get("refused") == "no_coreml":
        return refused("no_coreml", say("Core ML cannot be loaded."))
    if facts.get("refused") == "no_ane":
        return refused("no_ane", say("Core ML lists no Neural Engine on this machine."))
    if result.code or COMPILE_FAILED in result.errors:
        lines = [line.strip() for line in result.errors.splitlines() if line.strip()]
        said = f" ({lines[-1][:160].rstrip('.')})" if lines else ""
        return refused(
            "compile",
            say("Core ML could not {stage} a block{said}.", stage=stage if result.code else say("compile"), said=said),
        )
    if facts["planned_share"] < MIN_SHARE:
        where = ", ".join(sorted(facts["elsewhere"]))
        share = f"{facts['planned_share']:.0%}"
        return refused(
            "placement",
            say(
                "Core ML plans {share} of a block there, less than {min_share:.0%} ({where}).",
                share=share,
                min_share=MIN_SHARE,
                where=where,
            ),
        )
    return judge_times(facts["seconds"], facts["cpu_seconds"])


def judge_times(seconds: float, cpu_seconds: float) -> Verdict | None:
    """Why a program that takes so long with the engine allowed, and on the CPU alone, was not computed there; or None.

    Core ML says where it plans to compute and never where it did: times that are alike contradict the plan.
    """
    if seconds <= MAX_OF_CPU * cpu_seconds:
        return None
    times = say(
        "{seconds:.3g} ms a block with it and {cpu_seconds:.3g} ms on the CPU alone",
        seconds=1000.0 * seconds,
        cpu_seconds=1000.0 * cpu_seconds,
    )
    return refused("idle", say("Core ML takes {times}: it is not really used there, whatever is planned.", times=times))


def judge_error(error: float) -> Verdict | None:
    """Why results that differ so much from MLX's are not used; None where they are."""
    if error <= MAX_ERROR:
        return None
    if not np.isfinite(error):
        return refused("numerics", say("Core ML gave values that are not finite."))
    return refused(
        "numerics",
        say(
            "Core ML's results differ from MLX's by {error:.1%}; {max_error:.0%} is accepted.",
            error=error,
            max_error=MAX_ERROR,
        ),
    )


def _run(command: Sequence[str], seconds: float) -> ProbeResult:
    process = subprocess.Popen(
        command,
        env=environment_without_secrets(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with process:
        try:
            said, errors = process.communicate(timeout=seconds)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            said, errors = process.communicate()
            code = None
    facts: dict[str, Any] = {}
    for line in said.splitlines():
        if line.startswith("{"):
            facts |= json.loads(line)
    return ProbeResult(facts, errors, code)


def _random_inputs(block: nn.Module, spec: ChunkSpec) -> tuple[dict[str, Any], Any]:
    """(the program's inputs, the block's output [1, length, hidden] for them in float32)."""
    layers = [layer for _, _, layer in lora_layers([block])]
    before = [(layer.lora_a, layer.lora_b) for layer in layers]
    x = mx.random.normal((1, spec.length, spec.shapes[0].hidden), key=mx.random.key(0))
    try:
        for index, layer in enumerate(layers):
            layer.lora_a = 0.1 * mx.random.normal(layer.lora_a.shape, key=mx.random.key(2 * index))
            layer.lora_b = 0.1 * mx.random.normal(layer.lora_b.shape, key=mx.random.key(2 * index + 1))
        return feed([block], spec, x), np.array(block(x, "causal", None).astype(mx.float32))
    finally:
        for layer, (a, b) in zip(layers, before, strict=True):
            layer.lora_a, layer.lora_b = a, b


def _error(outputs: Path, spec: ChunkSpec, expected: Any) -> float:
    """The largest difference, as a share of the largest value; not a number where the output is not finite."""
    with np.load(outputs) as file:
        got = file[spec.outputs[-1]][:, :, 0].swapaxes(1, 2).astype(np.float32)
    return float(np.abs(got - expected).max() / np.abs(expected).max())
