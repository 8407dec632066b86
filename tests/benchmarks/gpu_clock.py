"""Steps on one GPU measured in processes of their own, within a time that is set."""

import os
import queue
import subprocess
import sys
import threading
import time


class Clock:
    """The time that is left of so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.start, self.budget = time.monotonic(), seconds

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.start

    @property
    def left(self) -> float:
        return self.budget - self.elapsed


def say(clock: Clock, line: str) -> None:
    print(f"[{clock.elapsed:5.1f} s] {line}", flush=True)


def run(clock: Clock, words: list[str], limit: float, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """(its exit status, the step that was begun last) of a process that measures; its lines are passed on."""
    if clock.left < 5:
        say(clock, f"{' '.join(words)}: left out, the time is over")
        return 0, ""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.gpu_steps", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    end, begun = time.monotonic() + min(limit, clock.left), ""
    while True:
        try:
            line = lines.get(timeout=max(0.1, end - time.monotonic()))
        except queue.Empty:
            process.kill()
            say(clock, f"{' '.join(words)}: took too long, at {begun or 'its part'}")
            break
        if line is None:
            break
        if line.startswith("begin "):
            begun = line.removeprefix("begin ")
        else:
            say(clock, line)
    return process.wait(), begun


def run_steps(clock: Clock, names: list[str], small: list[str], environment: dict[str, str] | None = None) -> None:
    """Measure these steps in one process, and in further ones those that come after one that ended it."""
    while names and clock.left > 5:
        status, begun = run(clock, [";".join(names), *small], 150, environment)
        if status == 0 or begun not in names:
            return
        say(clock, f"step {begun}: ended its process with status {status}")
        names = names[names.index(begun) + 1 :]
