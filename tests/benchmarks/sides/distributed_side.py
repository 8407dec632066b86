"""A rank of the runs of tests.benchmarks.distributed: distributed_side.py JOBS.json.

Rank 0 prints a line of JSON for every step, {"step", "tokens_per_second", ...}, and one for each run that is over. A
job with "gate" waits after so many steps, {"gate": [steps, file]}, until the file is there.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.distributed.launched import current_group
from core.distributed.own_gpu import take_own_gpu
from core.distributed.session import at_forced_end
from core.events import Finished, Step
from core.run import Run
from core.train import train
from core.training.optimizer_step import OptimizerStepper
from core.training.step_sums import RankExchange
from core.training.train_step import TrainStep

spent: dict[str, float] = {}  # seconds of the host in parts of a step


def timed(owner: Any, name: str) -> None:
    """Count how long the calls of a method take."""
    method: Callable[..., Any] = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return method(*args, **kwargs)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

    setattr(owner, name, call)


def main() -> None:
    take_own_gpu()
    print(json.dumps({"gpu": describe_gpu()}), flush=True)
    for owner, name in (
        (OptimizerStepper, "_begin"),
        (OptimizerStepper, "_finish_update"),
        (TrainStep, "begin_sum_over_ranks"),
        (TrainStep, "optimizer_step"),
        (RankExchange, "__call__"),
    ):
        timed(owner, name)
    for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        with tempfile.TemporaryDirectory() as folder, at_forced_end(lambda sentence: print(sentence, file=sys.stderr)):
            follow(job, Run.from_dict(job["run"] | {"output": f"{folder}/run"}))


def describe_gpu() -> str:
    """Which GPU this process computes on."""
    facts = mx.device_info()
    known = [f"{name} {facts[name]}" for name in ("device_name", "uuid", "pci_bus_id") if name in facts]
    return ", ".join([f"CUDA_VISIBLE_DEVICES {os.environ.get('CUDA_VISIBLE_DEVICES')}", *known])


def follow(job: dict[str, Any], run: Run) -> None:
    """Do a run, and tell what happens in it."""
    group, losses, before = current_group(), [], 0
    steps, gate = job.get("gate", [0, ""])
    for event in train(run):
        if isinstance(event, Step):
            losses.append(event.loss)
            ranks = {k: v for k, v in event.metrics.items() if k.startswith("rank_")}
            told = {
                "step": event.step,
                "tokens_per_second": event.tokens_per_second,
                "peak": event.peak_memory_bytes,
                "bytes": group.sent - before,
                "spent": dict(spent),
            }
            say(told | ranks)
            before = group.sent
            spent.clear()
            while event.step == steps and group.is_first and not Path(gate).exists():
                time.sleep(0.05)
        if isinstance(event, Finished):
            say({"done": job["name"], "losses": losses, "reason": event.reason})


def say(words: dict[str, Any]) -> None:
    if current_group().is_first:
        print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main()
