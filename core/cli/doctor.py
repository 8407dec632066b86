"""hone doctor: this machine, what can be used on it, and why not."""

import dataclasses
import json
import sys
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
    if args.again and not args.ane:
        raise BadOption("--again belongs to --ane.")
    if args.ane:
        from core.ane.diagnose import diagnose
        from core.ane.verdict_cache import VerdictCache

        if args.again:
            _tell(f"Models that a run may try again: {VerdictCache().forget_crashes()}.")
        found = diagnose(tell=_tell)
        if any(model["code"] in ("", "slower") for model in found["models"].values()):
            _tell(f"It works here. Models that a run may try again: {VerdictCache().forget_crashes()}.")
        out(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    import shutil

    from core import update_check
    from core.ane.program_cache import ProgramCache
    from core.ane.verdict_cache import VerdictCache
    from core.device.heat import read_heat
    from core.device.machine import machine
    from core.device.memory_pressure import read_memory_pressure
    from core.device.power import read_power
    from core.device.select import report
    from core.device.surroundings import describe_surroundings
    from core.distributed import backends
    from core.model import families
    from core.run import runs_folder

    facts = machine()
    chosen = report("auto")
    home = runs_folder()
    existing = next(p for p in (home, *home.parents) if p.exists())
    facts |= {"surroundings": describe_surroundings(home)}
    facts |= {"updates": update_check.describe()}
    facts |= {"backend": chosen, "runs_folder": str(home), "disk_free_bytes": shutil.disk_usage(existing).free}
    power, heat, pressure = read_power(), read_heat(), read_memory_pressure()
    states = {"power": power, "heat": heat, "memory_pressure": pressure}
    facts |= {name: dataclasses.asdict(state) if state else None for name, state in states.items()}
    facts["neural_engine_left_alone"] = VerdictCache().left_alone
    facts["neural_engine_programs_bytes"] = ProgramCache().size
    facts["distributed"] = backends.report()
    facts["families"] = [dataclasses.asdict(family) for family in families.FAMILIES]
    if args.json:
        out(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    gb = 1e9
    out(f"System         {facts['system']}, {facts['processor']}, {facts['cores']} cores")
    out(f"Memory         {facts['memory_bytes'] / gb:.1f} GB, {facts['available_bytes'] / gb:.1f} GB free")
    out(f"Backend        {chosen['used']} ({chosen['device']}): {chosen['reason']}")
    if facts["gpu"]:
        out(f"GPU            {facts['gpu']}, {(facts['gpu_memory_bytes'] or 0) / gb:.1f} GB usable")
    else:
        out(f"GPU            none: {facts['gpu_reason']}")
    out(f"Power          {power.words}")
    for sentence in (*power.sentences, heat.words if heat else "", pressure.words if pressure else ""):
        if sentence:
            out(f"               {sentence.rstrip('.')}.")
    state = "may be used" if facts["neural_engine"] else "not used"
    out(f"Neural Engine  {state}: {facts['neural_engine_reason']}")
    if left_alone := facts["neural_engine_left_alone"]:
        until = "until macOS, coremltools or Hone change, or `hone doctor --ane --again` is asked for"
        out(f"               Models that crashed, hung or were killed there and are left alone: {left_alone}, {until}.")
    if size := facts["neural_engine_programs_bytes"]:
        out(f"               Programs kept from before: {size / gb:.1f} GB in {ProgramCache().folder}.")
    out(f"OpenBLAS       {facts['blas'] or 'no'}: {facts['blas_reason']}")
    out(f"Several GPUs   {backends.describe(facts['distributed'])}")
    out(f"Runs           {home}, {facts['disk_free_bytes'] / gb:.1f} GB free on that disk")
    for sentence in facts["surroundings"]:
        out(f"Beware         {sentence}")
    out(f"Updates        {facts['updates']}")
    out("Families       " + ", ".join(family.title for family in families.FAMILIES if not family.unsupported))
    for family in families.FAMILIES:
        if family.unsupported or family.limits:
            out(f"               {family.title}: {families.describe_support(family.kinds[0])[1]}")
    out("Versions       " + ", ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    return 0


def _tell(line: str) -> None:
    """Progress, beside the JSON."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
