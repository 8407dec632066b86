"""python -m tests.reliability kills|operations [--count N] [--methods sft,grpo] [--seed N] [--keep].

`kills` kills runs at random; `operations` kills one at each of the file operations of a run.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.reliability.kills import Counts, run_trials
from tests.reliability.runs import METHODS


def main() -> int:
    """Kill runs and print a table; the exit code is 1 where a run that went on differs from the unbroken one."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=main.__doc__)
    parser.add_argument("what", choices=["kills", "operations"])
    parser.add_argument("--count", type=int, default=80, help="How many runs are killed, over all methods.")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="Keep the folders of runs that failed.")
    options = parser.parse_args()
    methods = options.methods.split(",")
    folder = Path(tempfile.mkdtemp(prefix="hone-kills-"))
    print("method    runs  killed  at operations  (power cut)  at moments  (power cut)  different", flush=True)
    total = Counts("all")
    for n, method in enumerate(methods):
        share = options.count // len(methods) + (n < options.count % len(methods))
        counts = run_trials(method, None if options.what == "operations" else share, folder, options.seed)
        _print(counts)
        total.trials, total.kills = total.trials + counts.trials, total.kills + counts.kills
        total.failures += counts.failures
    _print(total)
    for failure in total.failures:
        print(failure)
    if options.keep and total.failures:
        print(f"Kept in {folder}.")
    else:
        shutil.rmtree(folder)
    return 1 if total.failures else 0


def _print(counts: Counts) -> None:
    kills = counts.kills
    operation, operation_cut = kills["at a file operation"], kills["at a file operation, power cut"]
    moment, moment_cut = kills["at a random moment"], kills["at a random moment, power cut"]
    print(
        f"{counts.method:8} {counts.trials:5} {sum(kills.values()):7} {operation + operation_cut:14} "
        f"{operation_cut:12} {moment + moment_cut:11} {moment_cut:12} {len(counts.failures):10}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
