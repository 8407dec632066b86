"""hone doctor: this machine, what can be used on it, and why not."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import Any

from core.cli import Print
from core.errors import BadOption


def add(commands: Any) -> None:
    command = commands.add_parser(
        "doctor", help="Tell what this machine can do.", description="Hardware, versions, reasons."
    )
    command.add_argument("--json", action="store_true", help="Print JSON.")
    command.add_argument(
        "--ane",
        action="store_true",
        help="Try the Neural Engine on three made-up models (some minutes) and print JSON to send in.",
    )
    command.add_argument(
        "--again", action="store_true", help="With --ane: let runs try again what crashed or hung there before."
    )
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    """Tell what this machine can do, or try its Neural Engine. Raises BadOption."""
    if args.again and not args.ane:
        raise BadOption("--again belongs to --ane.")
    if args.ane:
        out(json.dumps(_try_neural_engine(args.again), indent=2, ensure_ascii=False))
        return 0
    states = _read_states()
    facts = _gather_facts() | {name: dataclasses.asdict(state) if state else None for name, state in states.items()}
    if args.json:
        out(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        for name, sentence in _lines(facts, states):
            out(f"{name:<15}{sentence}")
    return 0


def _try_neural_engine(again: bool) -> dict[str, Any]:
    from core.ane.diagnose import diagnose
    from core.ane.verdict_cache import VerdictCache

    if again:
        _tell(f"Models that a run may try again: {VerdictCache().forget_crashes()}.")
    found = diagnose(tell=_tell)
    if any(model["code"] in ("", "slower") for model in found["models"].values()):
        _tell(f"It works here. Models that a run may try again: {VerdictCache().forget_crashes()}.")
    return found


def _gather_facts() -> dict[str, Any]:
    """What is known of this machine, as --json prints it."""
    import shutil

    from core import update_check
    from core.ane.program_cache import ProgramCache
    from core.ane.verdict_cache import VerdictCache
    from core.device import cuda_compiler
    from core.device.machine import machine
    from core.device.select import gpu_kind, report
    from core.device.surroundings import describe_surroundings
    from core.distributed import backends
    from core.model import families
    from core.run import runs_folder

    home = runs_folder()
    existing = next(p for p in (home, *home.parents) if p.exists())
    return {
        **machine(),
        "cuda_kernels": cuda_compiler.describe() if gpu_kind()[0] == "CUDA" else "",
        "surroundings": describe_surroundings(home),
        "updates": update_check.describe(),
        "backend": report("auto"),
        "runs_folder": str(home),
        "disk_free_bytes": shutil.disk_usage(existing).free,
        "neural_engine_left_alone": VerdictCache().left_alone,
        "neural_engine_programs_bytes": ProgramCache().size,
        "distributed": backends.report(),
        "families": [dataclasses.asdict(family) for family in families.FAMILIES],
    }


def _read_states() -> dict[str, Any]:
    """What may change from one minute to the next: Power, Heat or None, MemoryPressure or None."""
    from core.device.heat import read_heat
    from core.device.memory_pressure import read_memory_pressure
    from core.device.power import read_power

    return {"power": read_power(), "heat": read_heat(), "memory_pressure": read_memory_pressure()}


def _lines(facts: dict[str, Any], states: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, what is known of it); a name of "" goes on with the one before."""
    from core.distributed import backends

    gb, backend = 1e9, facts["backend"]
    yield "System", f"{facts['system']}, {facts['processor']}, {facts['cores']} cores"
    yield "Memory", f"{facts['memory_bytes'] / gb:.1f} GB, {facts['available_bytes'] / gb:.1f} GB free"
    yield "Backend", f"{backend['used']} ({backend['device']}): {backend['reason']}"
    if facts["gpu"]:
        yield "GPU", f"{facts['gpu']}, {(facts['gpu_memory_bytes'] or 0) / gb:.1f} GB usable"
    else:
        yield "GPU", f"none: {facts['gpu_reason']}"
    if facts["cuda_kernels"]:
        yield "Kernels", facts["cuda_kernels"]
    yield "Power", states["power"].words
    for sentence in (
        *states["power"].sentences,
        *(states[name].words for name in ("heat", "memory_pressure") if states[name]),
    ):
        if sentence:
            yield "", f"{sentence.rstrip('.')}."
    yield from _neural_engine_lines(facts)
    yield "OpenBLAS", f"{facts['blas'] or 'no'}: {facts['blas_reason']}"
    yield "Several GPUs", backends.describe(facts["distributed"])
    yield "Runs", f"{facts['runs_folder']}, {facts['disk_free_bytes'] / gb:.1f} GB free on that disk"
    for sentence in facts["surroundings"]:
        yield "Beware", sentence
    yield "Updates", facts["updates"]
    yield from _family_lines()
    yield "Versions", ", ".join(f"{name} {number}" for name, number in facts["versions"].items())


def _neural_engine_lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from core.ane.program_cache import ProgramCache

    state = "may be used" if facts["neural_engine"] else "not used"
    yield "Neural Engine", f"{state}: {facts['neural_engine_reason']}"
    if left_alone := facts["neural_engine_left_alone"]:
        until = "until macOS, coremltools or Hone change, or `hone doctor --ane --again` is asked for"
        yield "", f"Models that crashed, hung or were killed there and are left alone: {left_alone}, {until}."
    if size := facts["neural_engine_programs_bytes"]:
        yield "", f"Programs kept from before: {size / 1e9:.1f} GB in {ProgramCache().folder}."


def _family_lines() -> Iterator[tuple[str, str]]:
    from core.model import families

    yield "Families", ", ".join(family.title for family in families.FAMILIES if not family.unsupported)
    for family in families.FAMILIES:
        if family.unsupported or family.limits:
            yield "", f"{family.title}: {families.describe_support(family.kinds[0])[1]}"


def _tell(line: str) -> None:
    """Progress, beside the JSON."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
