"""python -m tests.reliability kills|operations [--count N] [--methods sft,grpo] [--seed N] [--keep]
python -m tests.reliability disk [--resumed] [--count N] [--part 1/4] [--methods sft,grpo] [--seed N] [--keep]
python -m tests.reliability fuzz [--count N] [--seconds N] [--reader NAME] [--seed N]
python -m tests.reliability inputs

`kills` kills runs at random; `operations` kills one at each of the file operations of a run; `disk` has each of them
fail, as a full, broken, forbidden and read-only disk would; `fuzz` feeds damaged files to every reader; `inputs` feeds
bad inputs to the command line.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.reliability import faults, fuzz, inputs
from tests.reliability.kills import Counts, run_trials
from tests.reliability.runs import METHODS


def main() -> int:
    """Kill runs, or feed damaged files and bad inputs, and print a table.

    The exit code is 1 where a run that went on differs from the unbroken one, or where an input ended in anything but
    one sentence.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=main.__doc__)
    parser.add_argument("what", choices=["kills", "operations", "disk", "fuzz", "inputs"])
    parser.add_argument("--count", type=int, help="How many runs are killed (80), or files damaged (2000), in all.")
    parser.add_argument("--seconds", type=float, default=0.0, help="Damage files for so long at least.")
    parser.add_argument("--reader", action="append", default=[], help="Damage the files of this reader only.")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resumed", action="store_true", help="The disk fails while a killed run goes on.")
    parser.add_argument("--part", default="1/1", help="2/4: the second of four commands that share the runs of disk.")
    parser.add_argument("--keep", action="store_true", help="Keep the folders of runs that failed.")
    options = parser.parse_args()
    kept = Path(tempfile.gettempdir()) / "hone-failures"
    if options.what == "fuzz":
        return fuzz.run(options.count or 2000, options.seconds, options.reader, options.seed, kept)
    if options.what == "inputs":
        return inputs.run(kept)
    methods = options.methods.split(",")
    folder = Path(tempfile.mkdtemp(prefix="hone-kills-"))
    failures = (_fail if options.what == "disk" else _kill)(methods, folder, options)
    for failure in failures:
        print(failure)
    if options.keep and failures:
        print(f"Kept in {folder}.")
    else:
        shutil.rmtree(folder)
    return 1 if failures else 0


def _fail(methods: list[str], folder: Path, options: argparse.Namespace) -> list[str]:
    """Have file operations fail; returns what went wrong. A command that is ended tells what it has tried so far."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    print("method        operations  runs  one sentence  went on  wrong", flush=True)
    failures = []
    part, parts = map(int, options.part.split("/"))
    for n, method in enumerate(methods):
        share = options.count and _share(options.count, len(methods), n)
        counts = faults.Counts(method)
        try:
            faults.run_trials(counts, share, folder, options.seed, options.resumed, (part, parts))
        finally:
            ended, went_on = counts.endings["one sentence"], counts.endings["went on"]
            wrong = len(counts.failures)
            print(
                f"{method:12} {counts.operations:11} {counts.trials:5} {ended:13} {went_on:8} {wrong:6}",
                flush=True,
            )
        failures += counts.failures
    return failures


def _share(count: int, of: int, n: int) -> int:
    return count // of + (n < count % of)


def _kill(methods: list[str], folder: Path, options: argparse.Namespace) -> list[str]:
    """Kill runs; returns what went wrong."""
    print("method        runs  killed  at operations  (power cut)  at moments  (power cut)  different", flush=True)
    total = Counts("all")
    for n, method in enumerate(methods):
        is_each = options.what == "operations"
        share = _share(options.count or (0 if is_each else 80), len(methods), n)
        counts = run_trials(method, share or None, folder, options.seed, is_each)
        _print(counts)
        total.trials, total.kills = total.trials + counts.trials, total.kills + counts.kills
        total.failures += counts.failures
    _print(total)
    return total.failures


def _print(counts: Counts) -> None:
    kills = counts.kills
    operation, operation_cut = kills["at a file operation"], kills["at a file operation, power cut"]
    moment, moment_cut = kills["at a random moment"], kills["at a random moment, power cut"]
    print(
        f"{counts.method:12} {counts.trials:5} {sum(kills.values()):7} {operation + operation_cut:14} "
        f"{operation_cut:12} {moment + moment_cut:11} {moment_cut:12} {len(counts.failures):10}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
