"""One epoch of a Hone run, as the product does it: hone_side.py JOB.json prints one JSON line."""

import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from core.events import Finished, Phase, Step
from core.run import Run
from core.train import train


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        run = Run.from_dict(
            {
                "method": job["method"],
                "output": f"{folder}/run",
                "model": {"path": job["model"]},
                "data": {"path": job["data"], "max_seq_len": job["max_len"], "eval_split": 0.0},
                "adapter": {"rank": job["rank"]},
                "train": {
                    "batch_size": job["batch_size"],
                    "epochs": 1.0,
                    "learning_rate": 1e-4,
                    "samples": 0,
                    "save_every": 10**6,
                }
                | job.get("train", {}),
            }
        )
        steps: list[Step] = []
        reference_seconds, previous, cpu = 0.0, time.perf_counter(), 0.0
        is_asking = False
        for event in train(run):
            now = time.perf_counter()
            reference_seconds += now - previous if is_asking else 0.0
            is_asking = isinstance(event, Phase) and event.name == "Asking the reference"
            previous = now
            if isinstance(event, Phase) and event.name == "Training" and not steps:
                cpu = time.process_time()
            if isinstance(event, Step):
                steps.append(event)
                cpu_seconds = time.process_time() - cpu
            assert not isinstance(event, Finished) or event.reason == "done"
        resolved = json.loads((Path(folder) / "run" / "resolved.json").read_text())
    ends = [0.0, *(step.seconds for step in steps)]
    figures = {
        "seconds": [b - a for a, b in pairwise(ends)],
        "cpu": cpu_seconds,
        "losses": [step.loss for step in steps],
        "peak": steps[-1].peak_memory_bytes,
        "trained": resolved["model"]["trainable_parameters"],
        "dtype": resolved["precision"]["compute"],
        "reference_seconds": reference_seconds,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
