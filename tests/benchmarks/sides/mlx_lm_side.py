"""One epoch of mlx-lm's own trainer, run by the Python that has mlx-lm: mlx_lm_side.py JOB.json prints one JSON line.

The rows come as tokens, through mlx-lm's own dataset cache, so that batches are made as its command line makes them.
"""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.tuner.callbacks import TrainingCallback
from mlx_lm.tuner.datasets import CacheDataset
from mlx_lm.tuner.trainer import TrainingArgs, train
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model


class Rows:
    """Rows of {"tokens", "start"}: what is learned begins at `start`."""

    def __init__(self, rows: list) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict:
        return self.rows[i]

    def process(self, row: dict) -> tuple:
        return row["tokens"], row["start"]


class Clock(TrainingCallback):
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def on_train_loss_report(self, info: dict) -> None:
        self.seconds.append(1 / info["iterations_per_second"])
        self.losses.append(info["train_loss"])


def model_with_adapter(job: dict):
    model, _ = load_model(Path(job["model"]))
    model.freeze()
    keys = [f"self_attn.{n}_proj" for n in "qkvo"] + [f"mlp.{n}_proj" for n in ("gate", "up", "down")]
    config = {"rank": job["rank"], "scale": 2.0, "dropout": 0.0, "keys": keys}
    linear_to_lora_layers(model, len(model.layers), config)
    mx.eval(model.parameters())
    return model


def settings(job: dict, rows: int) -> dict:
    """What the trainers of both peers are told: one epoch, a report after every step, nothing saved."""
    return {
        "batch_size": job["batch_size"],
        "iters": rows // job["batch_size"],
        "steps_per_report": 1,
        "steps_per_save": 10**9,
        "max_seq_length": job["max_len"],
        "adapter_file": os.devnull,
        "grad_checkpoint": job["checkpointing"],
    }


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    np.random.seed(0)
    model = model_with_adapter(job)
    rows = json.loads(Path(job["rows"]).read_text())
    clock = Clock()
    args = TrainingArgs(**settings(job, len(rows)))
    mx.reset_peak_memory()
    start = time.process_time()
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SaveNothing):
        train(model, optim.AdamW(learning_rate=1e-4), CacheDataset(Rows(rows)), args=args, training_callback=clock)
    report(clock, time.process_time() - start, model)


class SaveNothing(Exception):
    """Raised in place of writing the adapter at the end."""


def no_saving(*_) -> None:
    raise SaveNothing


def report(clock: Clock, cpu: float, model) -> None:
    trained = sum(v.size for _, v in tree_flatten(model.trainable_parameters()))
    figures = {"seconds": clock.seconds, "losses": clock.losses, "cpu": cpu}
    print(json.dumps(figures | {"peak": mx.get_peak_memory(), "trained": trained}), flush=True)


if __name__ == "__main__":
    mx.save_safetensors = no_saving
    main()
