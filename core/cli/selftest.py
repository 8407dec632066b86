"""hone selftest: tries every part of Hone on this machine and says what works."""

import json
from typing import Any

from core.cli import Print

_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


def add(commands: Any) -> None:
    command = commands.add_parser(
        "selftest",
        help="Try every part of Hone on this machine.",
        description="Try every part of Hone on this machine, in about half a minute. Exit code 1 where one fails.",
    )
    command.add_argument("--backend", choices=("auto", "gpu", "cpu"), default="auto", help="Device. Default: auto.")
    command.add_argument("--json", action="store_true", help="Print one JSON, to send as a report.")
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.selftest.check import FAILED
    from core.selftest.selftest import report, selftest

    checks = []
    for check in selftest(args.backend):
        checks.append(check)
        if not args.json:
            out(f"{_MARKS[check.outcome]:8} {check.name:15} {check.detail} ({check.seconds:.1f} s)")
    if args.json:
        out(json.dumps(report(checks), indent=2, ensure_ascii=False))
    return int(any(check.outcome == FAILED for check in checks))
