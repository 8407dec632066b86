"""A rank of the runs of tests.benchmarks.distributed: distributed_side.py JOBS.json [LINK_BYTES].

Rank 0 prints a line of JSON for every step, {"step", "seconds", ...}, and one for each run that is over.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.distributed.group import current_group
from core.distributed.session import at_forced_end
from core.events import Finished, Step
from core.run import Run
from core.train import train


def main() -> None:
    for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        with tempfile.TemporaryDirectory() as folder, at_forced_end(lambda sentence: print(sentence, file=sys.stderr)):
            follow(job, Run.from_dict(job["run"] | {"output": f"{folder}/run"}))
    for size in map(int, sys.argv[2:]):
        measure_link(size)


def follow(job: dict[str, Any], run: Run) -> None:
    """Do a run, and tell what happens in it."""
    group, losses = current_group(), []
    sent, steps = 0, 0
    for event in train(run):
        if isinstance(event, Step):
            steps += 1
            if steps == 1:
                sent = group.sent
            losses.append(event.loss)
            ranks = {k: v for k, v in event.metrics.items() if k.startswith("rank_")}
            told = {
                "step": event.step,
                "at": time.time(),
                "tokens_per_second": event.tokens_per_second,
                "peak": event.peak_memory_bytes,
            }
            say(told | ranks)
        if isinstance(event, Finished):
            a_step = (group.sent - sent) / max(1, steps - 1)
            say({"done": job["name"], "losses": losses, "bytes": a_step, "reason": event.reason})


def measure_link(size: int) -> None:
    """The time of an all-sum of so many bytes, the middle of nine."""
    group, numbers = current_group(), mx.zeros(size // 4)
    mx.eval(numbers)
    seconds = []
    for _ in range(12):
        group.barrier()
        start = time.perf_counter()
        group.all_sum(numbers)
        seconds.append(time.perf_counter() - start)
    say({"link": size, "seconds": sorted(seconds[3:])[4]})


def say(words: dict[str, Any]) -> None:
    if current_group().is_first:
        print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
