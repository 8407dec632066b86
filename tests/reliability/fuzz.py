"""Damaged files for every reader, in processes of their own with a limit of time and memory.

What comes of a file is rows, values, or one of Hone's own errors in one short line. Anything else is a failure, and the
file is kept. A number and a seed make a file, so that every one can be made again.
"""

import faulthandler
import json
import mmap
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.reliability.mutate import mutate
from tests.reliability.readers import Reader, outcome, prepare, readers

SECONDS = 20  # of a processor, for one file
MEMORY = 12 << 30  # bytes of address space of a process
SHORT = 2 << 30  # bytes of memory that it may have held at most


@dataclass
class Count:
    """What came of the files of one reader."""

    reader: str
    files: int = 0
    read: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Count") -> None:
        """Add what came of other files."""
        self.files, self.read, self.refused = (
            self.files + other.files,
            self.read + other.read,
            self.refused + other.refused,
        )
        self.failures += other.failures


def damaged(reader: Reader, seed: int, number: int) -> bytes:
    """The file of this number."""
    rng = random.Random(f"{reader.name} {seed} {number}")
    return mutate(rng, rng.choice(reader.examples))


def fuzz(reader: Reader, count: int, seed: int, keep: Path) -> Count:
    """Feed `count` damaged files to a reader, from processes that are started again behind a file that ends one."""
    total, start = Count(reader.name), 0
    with tempfile.TemporaryDirectory(prefix="hone-fuzz-") as folder:
        while start < count:
            place = Path(folder) / "number"
            place.write_text(f"{start:12}")
            command = [sys.executable, "-m", "tests.reliability.fuzz", reader.name, str(seed), str(start), str(count)]
            done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
            lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]
            counts: dict[str, Any] = {kind: value for kind, value in lines if kind != "failure"}
            total.read += counts.get("read", 0)
            total.refused += counts.get("refused", 0)
            failures = [value for kind, value in lines if kind == "failure"]
            end = int(place.read_text())
            if done.returncode:  # it hung, or was killed
                failures.append([end, f"the process ended with {done.returncode}: {done.stderr[-3000:]}"])
            for number, reason in failures:
                total.failures.append(f"{reader.name} seed {seed} number {number}: {reason}")
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}-{number}-{reader.name}").write_bytes(damaged(reader, seed, number))
            total.files += end + 1 - start
            start = end + 1
    return total


def limit_time() -> None:
    """End the process, with a traceback, after SECONDS of computing from now on, or where it only waits for minutes."""
    faulthandler.register(signal.SIGPROF, chain=True)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    faulthandler.dump_traceback_later(15 * SECONDS, exit=True)


def work(name: str, seed: int, start: int, end: int, folder: Path) -> None:
    """Read the files of these numbers one after the other, and print what came of them as lines of JSON."""
    import core  # noqa: F401  # before anything imports MLX

    reader = next(reader for reader in readers() if reader.name == name)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error", ResourceWarning)
    counts = {"read": 0, "refused": 0}
    here = folder / "files"
    here.mkdir(exist_ok=True)
    prepare(reader, here)
    unit = 1 if sys.platform == "darwin" else 1024
    with (folder / "number").open("r+b") as file:
        place = mmap.mmap(file.fileno(), 12)
    armed = 0.0
    for number in range(start, end):
        place[:] = f"{number:12}".encode()
        (here / reader.name).write_bytes(damaged(reader, seed, number))
        if time.monotonic() > armed + 1:  # not for each file: it starts a thread
            armed = time.monotonic()
            limit_time()
        try:
            counts[outcome(reader, here)] += 1
        except Exception as error:
            import traceback

            where = "".join(traceback.format_exception(error)[-3:])
            print(json.dumps(["failure", [number, f"{type(error).__name__}: {where[-1500:]}"]]), flush=True)
        if not number % 50 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit > SHORT:
            print(json.dumps(["failure", [number, "more than 2 GB of memory"]]), flush=True)
            break
    faulthandler.cancel_dump_traceback_later()
    for item in counts.items():
        print(json.dumps(item), flush=True)


def run(total: int, seconds: float, names: list[str], seed: int, keep: Path) -> int:
    """Fuzz the readers with `total` files, or for so many seconds, and print a table. Returns the exit code."""
    chosen = [reader for reader in readers() if not names or reader.name in names]
    shares = sum(reader.share for reader in chosen)
    print(f"{'reader':24} {'files':>8} {'read':>8} {'refused':>8} {'failures':>8}   seed {seed}", flush=True)
    sums = Count("all")
    begin = time.monotonic()
    while True:
        for reader in chosen:
            count = fuzz(reader, max(1, round(total * reader.share / shares)), seed, keep)
            print(row(count), flush=True)
            sums.add(count)
        seed += 1
        if time.monotonic() - begin >= seconds:
            break
    print(row(sums))
    for failure in sums.failures[:20]:
        print(failure)
    if sums.failures:
        print(f"The files are kept in {keep}.")
    return 1 if sums.failures else 0


def row(count: Count) -> str:
    """A line of the table."""
    return f"{count.reader:24} {count.files:8} {count.read:8} {count.refused:8} {len(count.failures):8}"


if __name__ == "__main__":
    work(sys.argv[1], *map(int, sys.argv[2:5]), Path(sys.argv[5]))
