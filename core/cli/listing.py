"""hone methods: every method, what it needs, and with --json its options."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
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
    heads = ("method", "what it does", "you need", "memory and time")
    rows = [(name, f"{spec.title}: {spec.summary}", spec.needs, spec.cost) for name, spec in specs.items()]
    for line in table(heads, rows, (max(map(len, specs)), 36, 30, 30)):
        out(line)
    return 0


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    """The lines of a table whose cells are wrapped at the widths of their columns, with a blank line between rows."""
    for i, row in enumerate((heads, *rows)):
        if i:
            yield ""
        cells = [textwrap.wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            yield "  ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()


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
