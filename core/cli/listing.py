"""hone methods: every method, what it needs, and with --json its options."""

import json
from typing import Any

from core import methods
from core.cli import Print
from core.options import describe


def add(commands: Any) -> None:
    command = commands.add_parser("methods", help="List the methods.", description="The training methods.")
    command.add_argument("--json", action="store_true", help="Print JSON, with every method's own options.")
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    specs = methods.load()
    if args.json:
        out(json.dumps({name: _facts(spec) for name, spec in specs.items()}, indent=2, ensure_ascii=False))
        return 0
    for name, spec in specs.items():
        out(f"{name:<8} {spec.title}: {spec.summary}")
        out(f"{'':<8} You need: {spec.needs}")
        out(f"{'':<8} {spec.cost} {spec.paper}")
    return 0


def _facts(spec: methods.Method) -> dict[str, Any]:
    options = [{"name": o.name, "flag": o.flag, "default": o.default, "help": o.help} for o in describe(spec.options)]
    return {
        "title": spec.title,
        "summary": spec.summary,
        "needs": spec.needs,
        "cost": spec.cost,
        "paper": spec.paper,
        "data": spec.data,
        "reference": spec.reference,
        "teacher": spec.divergence is not None,
        "learning_rate": {"lora": spec.learning_rate, "full": spec.learning_rate_full},
        "options": options,
    }
