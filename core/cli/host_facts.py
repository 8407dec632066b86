"""hone host-facts: what another machine asks of this one before it trains together with it. Not listed in the help."""

import json
from pathlib import Path
from typing import Any

from core.cli import Print


def add(commands: Any) -> None:
    command = commands.add_parser("host-facts", description="Print, as JSON, what this machine is and lacks.")
    command.add_argument("--file", action="append", default=[], metavar="PATH", help="A file that is needed.")
    command.add_argument("--model", dest="wanted", default="", help="A model that is needed.")
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.device.machine import machine
    from core.errors import BadModel
    from core.model import hub

    missing = [file for file in args.file if not Path(file).exists()]
    try:
        if args.wanted and hub.locate(args.wanted) is None:
            missing.append(f"model {args.wanted}")
    except BadModel:
        missing.append(f"model {args.wanted}")
    facts = machine()
    told = {name: facts[name] for name in ("system", "processor", "gpu", "memory_bytes", "versions")}
    out(json.dumps({**told, "missing": missing}))
    return 0
