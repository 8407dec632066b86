"""Some steps of a Hone run that writes its answers, as the product does it: hone_grpo_side.py JOB.json

Prints one JSON line: the seconds of each step, the answer tokens of each, MLX's peak, and the split of the time.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from core.data.tokenize.end_of_turn import EndOfTurn
from core.events import Phase, Step
from core.rollouts import setup
from core.rollouts.samples_file import read_samples
from core.run import Run
from core.train import train


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    if job["fixed"]:  # every answer has the longest length
        setup.find_end_of_turn = lambda tokenizer: EndOfTurn("", (), added=False)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.from_dict(
            {
                "method": "grpo",
                "output": f"{folder}/run",
                "model": {"path": job["model"]},
                "data": {"path": job["data"], "eval_split": 0.0},
                "adapter": {"rank": job["rank"]},
                "train": {
                    "steps": job["steps"],
                    "batch_size": job["batch_size"],
                    "learning_rate": 1e-4,
                    "samples": 0,
                    "save_every": 10**6,
                },
                "options": {
                    "group_size": job["group_size"],
                    "max_completion_length": job["longest"],
                    # Random weights would leave every group flat, and nothing to learn: then any text scores.
                    **job.get("options", {}),
                },
            }
        )
        steps, cpu = [], []
        for event in train(run):
            if isinstance(event, Phase):
                start = time.process_time()
            if isinstance(event, Step):
                steps.append(event)
                cpu.append(time.process_time() - start)
                start = time.process_time()
        resolved = json.loads((Path(folder) / "run" / "resolved.json").read_text())
        tokens = [0] * len(steps)
        for group in read_samples(Path(folder) / "run" / "samples.jsonl"):
            tokens[group.step - 1] += sum(len(rollout.ids) for rollout in group.rollouts)
    figures = {
        "seconds": [s.metrics["sampling_seconds"] + s.metrics["learning_seconds"] for s in steps],
        "sampling": [s.metrics["sampling_seconds"] for s in steps],
        "tokens": tokens,
        "cpu": cpu,
        "dtype": resolved["precision"]["compute"],
        "peak": steps[-1].peak_memory_bytes,
        "varied": [1 - step.metrics["flat_groups"] for step in steps],
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
