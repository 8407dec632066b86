"""python -m tests.reliability kills|operations [--count N] [--methods sft,grpo] [--seed N] [--keep]
python -m tests.reliability fuzz [--count N] [--seconds N] [--reader NAME] [--seed N]
python -m tests.reliability inputs

`kills` kills runs at random; `operations` kills one at each of the file operations of a run; `fuzz` feeds damaged files
to every reader; `inputs` feeds bad inputs to the command line.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.reliability import fuzz, inputs
from tests.reliability.kills import Counts, run_trials
from tests.reliability.runs import METHODS


def main() -> int:
    """Kill runs, or feed damaged files and bad inputs, and print a table.

    The exit code is 1 where a run that went on differs from the unbroken one, or where an input ended in anything but
    one sentence.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=main.__doc__)
    parser.add_argument("what", choices=["kills", "operations", "fuzz", "inputs"])
    parser.add_argument("--count", type=int, help="How many runs are killed (80), or files damaged (2000), in all.")
    parser.add_argument("--seconds", type=float, default=0.0, help="Damage files for so long at least.")
    parser.add_argument("--reader", action="append", default=[], help="Damage the files of this reader only.")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="Keep the folders of runs that failed.")
    options = parser.parse_args()
    kept = Path(tempfile.gettempdir()) / "hone-failures"
    if options.what == "fuzz":
        return fuzz.run(options.count or 2000, options.seconds, options.reader, options.seed, kept)
    if options.what == "inputs":
        return inputs.run(kept)
    return _kill(options.count or 80, options)


def _kill(total_count: int, options: argparse.Namespace) -> int:
    methods = options.methods.split(",")
    folder = Path(tempfile.mkdtemp(prefix="hone-kills-"))
    print("method    runs  killed  at operations  (power cut)  at moments  (power cut)  different", flush=True)
    total = Counts("all")
    for n, method in enumerate(methods):
        share = total_count // len(methods) + (n < total_count % len(methods))
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
